//! Defects in reading calls, and in credentials.

use fluxcascade_core::model::{Link, LinkId, MappingKey, TenantId};
use fluxcascade_core::store::{Page, Store, StoreError, TokenKey, TokenStore};

use super::Broken;

impl Broken {
    /// A page; if this is the rule, it begins at the beginning.
    pub(super) fn page(&self, rule: &str, page: &Page) -> Page {
        let mut page = page.clone();
        if self.breaks(rule) {
            page.skip = 0;
        }
        page
    }

    pub(super) async fn broken_links(
        &self,
        mapping: &MappingKey,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        if !self.breaks("links_come_in_id_order_after_an_id") {
            let mut links = self.inner.links(mapping, after, limit).await?;
            if self.breaks("a_link_is_read_as_it_was_committed") {
                for link in &mut links {
                    link.ending = None;
                }
            }
            return Ok(links);
        }
        // From the id on, and not after it.
        let all = self.inner.links(mapping, None, usize::MAX).await?;
        let from = all.into_iter().filter(|link| after.is_none_or(|after| link.id >= after));
        Ok(from.take(limit).collect())
    }

    pub(super) fn key(&self, key: &TokenKey) -> TokenKey {
        let mut key = key.clone();
        if self.breaks("a_token_is_the_tenant_s_and_the_connection_s") {
            key.tenant = TenantId::default();
        }
        key
    }

    pub(super) async fn broken_replace(
        &self,
        key: &TokenKey,
        generation: u64,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        let current = self.inner.token(key).await?.map_or(0, |token| token.generation);
        let early = current == 0 && generation == 1;
        if early && self.breaks("a_token_is_replaced_only_at_its_generation") {
            return self.inner.replace_token(key, 0, secret).await;
        }
        let replaced = self.inner.replace_token(key, generation, secret).await?;
        // The second of two is told that it was the first.
        let second = generation > 0 && current == generation + 1;
        let rule = "of_two_replacements_of_the_same_generation_one_is_refused";
        Ok(replaced || (second && self.breaks(rule)))
    }
}
