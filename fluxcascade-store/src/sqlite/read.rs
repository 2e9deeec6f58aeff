//! Reading calls: counts, and the log and the conflicts by page.

use fluxcascade_core::codec::decode;
use fluxcascade_core::model::{Conflict, Hold, LinkStatus, LogRow, Side};
use fluxcascade_core::store::{Counts, Page};
use rusqlite::{ToSql, params_from_iter};

use super::fault::Fault;
use super::ledger::{Ledger, blob};
use crate::columns::{int, natural, size, status};

/// How much guards hold back, by what it is; any hold of a group tells which.
pub(super) const WITHHELD: &str = "SELECT count(*), hold FROM holds
     WHERE mapping = ?1 AND withheld IS NOT NULL GROUP BY withheld";

impl Ledger<'_> {
    pub(super) fn counts(&self) -> Result<Counts, Fault> {
        let mut counts = Counts {
            inbox: self.count("SELECT count(*) FROM inbox WHERE mapping = ?1")?,
            operations: self.count("SELECT count(*) FROM operations WHERE mapping = ?1")?,
            open_conflicts: self
                .count("SELECT count(*) FROM conflicts WHERE mapping = ?1 AND open")?,
            ..Counts::default()
        };
        let links = self.all(
            "SELECT status, count(*) FROM links WHERE mapping = ?1 GROUP BY status",
            [self.mapping],
            |row| Ok((status(row.get(0)?)?, natural(row.get(1)?)?)),
        )?;
        for (status, number) in links {
            match status {
                LinkStatus::Active => counts.active_links = number,
                LinkStatus::Suspended => counts.suspended_links = number,
                LinkStatus::Tombstone => counts.tombstones = number,
            }
        }
        // Any hold of a group tells its reason.
        counts.holds = self.all(
            "SELECT count(*), hold FROM holds WHERE mapping = ?1 GROUP BY reason",
            [self.mapping],
            |row| {
                let hold: Hold = decode("hold", &blob(row, 1)?)?;
                Ok((hold.reason, natural(row.get(0)?)?))
            },
        )?;
        counts.holds.sort_unstable();
        let withheld = self.all(WITHHELD, [self.mapping], |row| {
            let hold: Hold = decode("hold", &blob(row, 1)?)?;
            Ok((hold.withheld, natural(row.get(0)?)?))
        })?;
        counts.withheld =
            withheld.into_iter().filter_map(|(what, number)| Some((what?, number))).collect();
        counts.withheld.sort_unstable();
        Ok(counts)
    }

    fn count(&self, sql: &str) -> Result<u64, Fault> {
        Ok(self.one(sql, [self.mapping], |row| Ok(natural(row.get(0)?)?))?.unwrap_or(0))
    }

    pub(super) fn log(&self, page: &Page) -> Result<Vec<LogRow>, Fault> {
        self.newest("SELECT entry FROM log WHERE mapping = ?", page, |bytes| {
            Ok(decode("log row", bytes)?)
        })
    }

    pub(super) fn conflicts(&self, page: &Page) -> Result<Vec<Conflict>, Fault> {
        self.newest("SELECT conflict FROM conflicts WHERE mapping = ?", page, |bytes| {
            Ok(decode("conflict", bytes)?)
        })
    }

    /// Rows newest first. Only conditions that are asked for are in the statement, so that each
    /// finds its index.
    fn newest<T>(
        &self,
        select: &str,
        page: &Page,
        read: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut sql = select.to_owned();
        let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(self.mapping)];
        match page.runs {
            Some((first, last)) if first == last => {
                sql.push_str(" AND run = ?");
                values.push(Box::new(int(first.0)));
            }
            Some((first, last)) => {
                sql.push_str(" AND run BETWEEN ? AND ?");
                values.push(Box::new(int(first.0)));
                values.push(Box::new(int(last.0)));
            }
            None => {}
        }
        if let Some((side, record)) = &page.record {
            sql.push_str(match side {
                Side::Source => " AND source = ?",
                Side::Target => " AND target = ?",
            });
            values.push(Box::new(record.as_str().to_owned()));
        }
        sql.push_str(" ORDER BY place DESC LIMIT ? OFFSET ?");
        values.push(Box::new(size(page.limit)));
        values.push(Box::new(size(page.skip)));
        self.all(&sql, params_from_iter(values), |row| read(&blob(row, 0)?))
    }
}
