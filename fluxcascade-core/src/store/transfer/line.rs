//! One line of an export.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::codec::{decode_base, encode_base};
use crate::model::{
    Base, Ending, Link, LinkId, LinkStatus, MappingKey, MappingName, RecordId, Revision, RunNumber,
    Sides, TenantId,
};

/// How the lines of this version look.
pub(super) const FORMAT: u32 = 1;

/// A line: first the mapping, then its revisions, its links in order of their ids, and the end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// What it is an export of.
    Mapping { format: u32, tenant: TenantId, mapping: MappingName, last_run: RunNumber },
    /// A revision of the mapping.
    Revision(Revision),
    /// A link.
    Link(LinkLine),
    /// Nothing follows.
    End { links: u64 },
}

/// A link; bases are as stores keep them, so that every version reads those of earlier ones.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkLine {
    pub(super) id: LinkId,
    pub(super) records: Sides<RecordId>,
    status: LinkStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ending: Option<Ending>,
    bases: Sides<String>,
}

impl Line {
    pub(super) fn head(mapping: &MappingKey, last_run: RunNumber) -> Self {
        let (tenant, mapping) = (mapping.tenant.clone(), mapping.mapping.clone());
        Self::Mapping { format: FORMAT, tenant, mapping, last_run }
    }

    pub(super) fn of_link(link: &Link) -> Self {
        let blob = |base: &Base| STANDARD.encode(encode_base(base));
        Self::Link(LinkLine {
            id: link.id,
            records: link.records.clone(),
            status: link.status,
            ending: link.ending,
            bases: link.bases.as_ref().map(blob),
        })
    }
}

impl LinkLine {
    /// The link.
    ///
    /// # Errors
    /// In words, if a base cannot be read.
    pub(super) fn read(self) -> Result<Link, String> {
        let base = |text: &str| {
            let bytes = STANDARD.decode(text).map_err(|error| format!("its base is {error}"))?;
            decode_base(&bytes).map_err(|error| error.to_string())
        };
        let bases = Sides::new(base(&self.bases.source)?, base(&self.bases.target)?);
        let Self { id, records, status, ending, .. } = self;
        Ok(Link { id, records, status, bases, ending })
    }
}
