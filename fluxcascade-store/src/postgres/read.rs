//! Reading calls: counts, and the log and the conflicts by page.

use fluxcascade_core::codec::decode;
use fluxcascade_core::model::{Conflict, Hold, LogRow, Side};
use fluxcascade_core::store::{Counts, Page};
use tokio_postgres::types::ToSql;

use super::fault::Fault;
use super::ledger::Ledger;
use super::session::Value;
use crate::columns::{int, natural, size};

/// How many holds there are, by reason; any hold of a reason tells which.
const BY_REASON: &str = "SELECT c.holds, h.hold FROM
     (SELECT reason, count(*) AS holds FROM holds
         WHERE tenant = $1 AND mapping = $2 AND reason <> '' GROUP BY reason) c
     CROSS JOIN LATERAL (SELECT hold FROM holds
         WHERE tenant = $1 AND mapping = $2 AND reason = c.reason AND reason <> ''
         LIMIT 1) h";

/// How much guards hold back, by what it is; any hold of a group tells which.
const WITHHELD: &str = "SELECT c.holds, h.hold FROM
     (SELECT withheld, count(*) AS holds FROM holds
         WHERE tenant = $1 AND mapping = $2 AND withheld IS NOT NULL GROUP BY withheld) c
     CROSS JOIN LATERAL (SELECT hold FROM holds
         WHERE tenant = $1 AND mapping = $2 AND withheld = c.withheld LIMIT 1) h";

const INBOX: &str = "SELECT count(*) FROM inbox WHERE tenant = $1 AND mapping = $2";
const OPERATIONS: &str = "SELECT count(*) FROM operations WHERE tenant = $1 AND mapping = $2";
const ACTIVE: &str = "SELECT count(*) FROM links WHERE tenant = $1 AND mapping = $2 AND status = 0";
const SUSPENDED: &str =
    "SELECT count(*) FROM links WHERE tenant = $1 AND mapping = $2 AND status = 1";
const TOMBSTONES: &str =
    "SELECT count(*) FROM links WHERE tenant = $1 AND mapping = $2 AND status = 2";
const OPEN_CONFLICTS: &str =
    "SELECT count(*) FROM conflicts WHERE tenant = $1 AND mapping = $2 AND open";

impl Ledger {
    pub(super) async fn counts(&self) -> Result<Counts, Fault> {
        let mut counts = Counts {
            inbox: self.count(INBOX).await?,
            operations: self.count(OPERATIONS).await?,
            open_conflicts: self.count(OPEN_CONFLICTS).await?,
            active_links: self.count(ACTIVE).await?,
            suspended_links: self.count(SUSPENDED).await?,
            tombstones: self.count(TOMBSTONES).await?,
            ..Counts::default()
        };
        for row in self.rows(BY_REASON, &[]).await? {
            let hold: Hold = decode("hold", row.try_get(1)?)?;
            counts.holds.push((hold.reason, natural(row.try_get(0)?)?));
        }
        for row in self.rows(WITHHELD, &[]).await? {
            let hold: Hold = decode("hold", row.try_get(1)?)?;
            let number = natural(row.try_get(0)?)?;
            counts.withheld.extend(hold.withheld.map(|what| (what, number)));
        }
        counts.holds.sort_unstable();
        counts.withheld.sort_unstable();
        Ok(counts)
    }

    async fn count(&self, sql: &str) -> Result<u64, Fault> {
        let rows = self.rows(sql, &[]).await?;
        Ok(rows
            .first()
            .map(|row| Ok::<_, Fault>(natural(row.try_get(0)?)?))
            .transpose()?
            .unwrap_or(0))
    }

    pub(super) async fn log(&self, page: &Page) -> Result<Vec<LogRow>, Fault> {
        let select = "SELECT entry FROM log WHERE tenant = $1 AND mapping = $2";
        self.newest(select, page, |bytes| Ok(decode("log row", bytes)?)).await
    }

    pub(super) async fn conflicts(&self, page: &Page) -> Result<Vec<Conflict>, Fault> {
        let select = "SELECT conflict FROM conflicts
             WHERE tenant = $1 AND mapping = $2 AND place > 0";
        self.newest(select, page, |bytes| Ok(decode("conflict", bytes)?)).await
    }

    /// Rows newest first. Only conditions that are asked for are in the statement, so that each
    /// finds its index.
    async fn newest<T>(
        &self,
        select: &str,
        page: &Page,
        read: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut conditions: Vec<&str> = Vec::new();
        let mut values: Vec<Box<dyn ToSql + Send + Sync>> = Vec::new();
        match page.runs {
            Some((first, last)) if first == last => {
                conditions.push("run >= 0 AND run =");
                values.push(Box::new(int(first.0)));
            }
            Some((first, last)) => {
                conditions.extend(["run >= 0 AND run >=", "run <="]);
                values.push(Box::new(int(first.0)));
                values.push(Box::new(int(last.0)));
            }
            None => {}
        }
        if let Some((side, record)) = &page.record {
            conditions.push(match side {
                Side::Source => "source =",
                Side::Target => "target =",
            });
            values.push(Box::new(record.as_str().to_owned()));
        }
        values.push(Box::new(size(page.limit)));
        values.push(Box::new(size(page.skip)));
        let mut sql = select.to_owned();
        for (n, condition) in conditions.iter().enumerate() {
            sql = format!("{sql} AND {condition} ${}", n + 3);
        }
        let limit = conditions.len() + 3;
        sql = format!("{sql} ORDER BY place DESC LIMIT ${limit} OFFSET ${}", limit + 1);
        let values: Vec<Value<'_>> = values.iter().map(|value| &**value as Value<'_>).collect();
        let rows = self.rows(&sql, &values).await?;
        rows.iter().map(|row| read(row.try_get(0)?)).collect()
    }
}
