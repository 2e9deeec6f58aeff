//! Reading an export: line by line, and what is wrong with it.

use std::collections::HashSet;
use std::io::{BufRead, Read};

use super::line::{FORMAT, Line, LinkLine};
use super::{TransferError, Transferred};
use crate::model::{
    Layout, LinkId, LinkStatus, MappingKey, RecordId, Revision, RunNumber, Side, Sides,
};

/// No line is longer: a value has 1 MiB at most, and few records have more than one that long.
const LONGEST: u64 = 256 << 20;

/// So much that is wrong is told.
const MOST: usize = 10;

/// The lines of an export, one after the other.
pub(super) struct Lines<'a, R> {
    from: &'a mut R,
    text: String,
    number: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub(super) fn new(from: &'a mut R) -> Self {
        Self { from, text: String::new(), number: 0 }
    }

    /// The next line; what cannot be read as one is told with its number.
    pub(super) fn next(&mut self) -> Result<Option<Line>, TransferError> {
        self.text.clear();
        self.number += 1;
        self.from.by_ref().take(LONGEST).read_line(&mut self.text).map_err(super::read)?;
        if self.text.is_empty() {
            return Ok(None);
        }
        let line = serde_json::from_str(&self.text);
        line.map(Some).map_err(|error| {
            let why = format!("line {} is no line of an export: {error}", self.number);
            TransferError::Invalid(vec![why])
        })
    }
}

/// Reads all of an export and tells what is wrong with it.
pub(super) fn check<R: BufRead>(
    mapping: &MappingKey,
    from: &mut R,
) -> Result<Transferred, TransferError> {
    let mut lines = Lines::new(from);
    let mut seen = Seen::new(mapping);
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(TransferError::Invalid(mut why)) => {
                seen.wrong.append(&mut why);
                return seen.end(); // what follows is no better
            }
            Err(error) => return Err(error),
        };
        seen.line(lines.number, line);
        if seen.wrong.len() >= MOST {
            break;
        }
    }
    seen.end()
}

/// What the lines said so far.
struct Seen<'a> {
    mapping: &'a MappingKey,
    last_run: Option<RunNumber>,
    revisions: Vec<Revision>,
    links: u64,
    last: Option<LinkId>,
    /// Prints of the records that have a link so far.
    linked: Sides<HashSet<[u8; 16]>>,
    ended: bool,
    wrong: Vec<String>,
}

impl<'a> Seen<'a> {
    fn new(mapping: &'a MappingKey) -> Self {
        let revisions = Vec::new();
        Self {
            mapping,
            last_run: None,
            revisions,
            links: 0,
            last: None,
            linked: Sides::default(),
            ended: false,
            wrong: Vec::new(),
        }
    }

    fn line(&mut self, number: u64, said: Line) {
        if self.ended {
            self.wrong.push(format!("line {number} comes after the end"));
        }
        let is_first = number == 1;
        match said {
            Line::Mapping { format, tenant, mapping, last_run } => {
                self.last_run = Some(last_run);
                if !is_first {
                    self.wrong.push(format!("line {number} begins another export"));
                }
                if format > FORMAT {
                    self.wrong.push(format!(
                        "it has format {format}, this version reads up to {FORMAT}: use the version that wrote it, or a newer one"
                    ));
                }
                let of = MappingKey { tenant, mapping };
                if of != *self.mapping {
                    self.wrong.push(format!(
                        "it is of mapping {of}, and this is {}: ids are of one tenant and mapping",
                        self.mapping
                    ));
                }
            }
            Line::Revision(revision) => {
                let next = self.revisions.len() + 1;
                if revision.number as usize != next {
                    self.wrong.push(format!("line {number} is no revision {next}"));
                }
                self.revisions.push(revision);
            }
            Line::Link(said) => self.link(number, said),
            Line::End { links } => {
                self.ended = true;
                if links != self.links {
                    self.wrong.push(format!("it has {} links instead of {links}", self.links));
                }
            }
        }
        if is_first && self.last_run.is_none() {
            self.wrong.push("it does not begin with the mapping: it is no export of links".into());
        }
    }

    fn link(&mut self, number: u64, said: LinkLine) {
        let id = said.id;
        self.links += 1;
        if self.last.is_some_and(|last| last >= id) {
            self.wrong.push(format!("line {number}: link {id} is not in order, or there twice"));
        }
        self.last = Some(id);
        let link = match said.read() {
            Ok(link) => link,
            Err(why) => return self.wrong.push(format!("line {number}: link {id}: {why}")),
        };
        let live = Some(&link).filter(|link| link.status != LinkStatus::Tombstone);
        for (side, record) in live.into_iter().flat_map(|link| link.records.iter()) {
            if !self.linked[side].insert(print(record)) {
                self.wrong.push(format!(
                    "line {number}: link {id} is another one of {side} record {record}: keep one of them"
                ));
            }
        }
        for (side, base) in link.bases.iter() {
            let mut revisions = self.revisions.iter();
            let of = revisions.find(|revision| revision.number == base.revision);
            if of.is_none_or(|of| width(&of.layout, side) != base.slots.len()) {
                let revision = base.revision;
                self.wrong.push(format!(
                    "line {number}: the {side} base of link {id} is not of revision {revision}"
                ));
            }
        }
    }

    fn end(mut self) -> Result<Transferred, TransferError> {
        if !self.ended && self.wrong.is_empty() {
            self.wrong.push(format!("it ends after {} links without its last line", self.links));
        }
        match self.last_run {
            Some(last_run) if self.wrong.is_empty() => Ok(Transferred {
                links: self.links,
                revisions: u32::try_from(self.revisions.len()).unwrap_or(u32::MAX),
                last_run,
            }),
            _ => Err(TransferError::Invalid(self.wrong)),
        }
    }
}

/// Records are told apart by this, so that a million of them take little room.
fn print(record: &RecordId) -> [u8; 16] {
    let mut print = [0; 16];
    print.copy_from_slice(&blake3::hash(record.as_str().as_bytes()).as_bytes()[..16]);
    print
}

/// So many places a base of this layout has.
fn width(layout: &Layout, side: Side) -> usize {
    layout.pairs.iter().map(|pair| pair.fields[side].len()).sum()
}
