//! A drawn world as profiles and mappings. What is drawn is in `setup`.

use super::*;

impl Setup {
    /// Two easy systems, and a mapping in which the source wins.
    pub(crate) fn plain() -> Self {
        Self {
            systems: Sides::new(Manner::PLAIN, Manner::PLAIN),
            batch: 100,
            engine_batch: 200,
            conflicts: vec![Conflicts::SourceWins],
            first_link: Some(Conflicts::SourceWins),
            primary: false,
            restore: false,
            webhooks: false,
            refers: false,
            storage: Storage::Memory,
            keeps: Keeps::Values,
            policies: Policies::PLAIN,
            view: View::AsDrawn,
        }
    }

    pub(crate) fn profile(&self, side: Side) -> SimProfile {
        self.systems[side].profile(self.batch)
    }

    /// Which of the mapping's sides a system is: the CRM is the source, unless they are swapped.
    pub(crate) fn side(&self, system: Side) -> Side {
        match self.view {
            View::AsDrawn | View::IdsPermuted => system,
            View::Swapped => system.other(),
        }
    }

    /// How conflicts are decided: nothing is merged of pairs of which fingerprints alone are kept.
    pub(crate) fn strategies(&self) -> Vec<Conflicts> {
        let merges = |strategy: &Conflicts| {
            self.keeps != Keeps::Values && matches!(strategy, Conflicts::Union | Conflicts::Append)
        };
        let mut asked = self.conflicts.clone();
        asked.retain(|strategy| !merges(strategy));
        if asked.is_empty() {
            asked.push(Conflicts::NewestWins);
        }
        asked
    }

    fn base(&self, target: &str) -> MappingBuilder {
        let mapping = match self.view {
            View::AsDrawn | View::IdsPermuted => Mapping::builder("contacts")
                .source("crm", "contacts")
                .target(target, "clients")
                .match_on("email", "mail"),
            View::Swapped => Mapping::builder("contacts")
                .source(target, "clients")
                .target("crm", "contacts")
                .match_on("mail", "email"),
        };
        let mirrored = |strategy: &Conflicts| match self.view {
            View::AsDrawn | View::IdsPermuted => strategy.clone(),
            View::Swapped => mirror(strategy),
        };
        let conflicts: Vec<Conflicts> = self.strategies().iter().map(mirrored).collect();
        let mapping = mapping.conflicts(conflicts);
        let mapping = match &self.first_link {
            Some(strategy) => mapping.first_link(mirrored(strategy)),
            None => mapping,
        };
        let mapping = self.of_records(mapping);
        if self.primary { mapping.primary(self.side(Side::Source)) } else { mapping }
    }

    /// What is done when a record of this system was deleted, as far as the other system can.
    fn on_delete(&self, system: Side) -> DeletePolicy {
        let can = self.profile(system.other()).capabilities;
        match self.policies.on_delete[system] {
            DeletePolicy::Archive if !can.archives => DeletePolicy::Unlink,
            DeletePolicy::Delete if !can.deletes_for_good => DeletePolicy::Unlink,
            policy => policy,
        }
    }

    fn of_records(&self, mapping: MappingBuilder) -> MappingBuilder {
        let policies = &self.policies;
        let mut mapping = mapping
            .delete_update(policies.delete_update)
            .conflict_scope(policies.scope)
            .first_sync(policies.first_sync)
            .guards(policies.guards);
        for system in Side::BOTH {
            mapping = mapping.on_delete(self.side(system), self.on_delete(system));
            if let Some(writes) = policies.ids {
                mapping = mapping.foreign_id(self.side(system), "other_id", writes);
            }
        }
        mapping
    }

    pub(crate) fn mapping(&self, revision: Revision) -> Mapping {
        let mapping = self.base("field");
        let (name, address) = (PAIRS[0].fields, PAIRS[2].fields);
        let mapping = match revision {
            Revision::Whole => self.unnamed(self.tie(mapping, 0, name, |pair| pair)),
            Revision::Redirected => {
                let nick = Sides { source: name.source, target: &["nick"] };
                self.unnamed(self.tie(mapping, 0, nick, |pair| pair))
            }
            Revision::Fewer => {
                let mapping = self.tie(mapping, 2, address, |pair| pair);
                let mapping = self.tie(mapping, 0, name, |pair| pair.transform(trim()));
                self.tie_mail(mapping)
            }
        };
        let mut mapping = mapping.build().unwrap();
        self.keeps.tell(&mut mapping, revision);
        mapping
    }

    /// A mapping by the same name, to an endpoint that the links are not of.
    pub(crate) fn misled(&self) -> Mapping {
        let mapping = self.tie_mail(self.base("elsewhere"));
        let name = PAIRS[0].fields;
        self.tie(mapping, 0, name, |pair| pair).build().unwrap()
    }

    /// All pairs but the name's.
    fn unnamed(&self, mapping: MappingBuilder) -> MappingBuilder {
        let drift = if self.restore { Drift::Restore } else { Drift::Leave };
        let one_way = |system: Side| match self.side(system) {
            Side::Source => |pair: PairBuilder| pair.source_only(),
            Side::Target => |pair: PairBuilder| pair.target_only(),
        };
        let (forth, back) = (one_way(Side::Source), one_way(Side::Target));
        let mut mapping = self.tie_mail(mapping);
        if self.refers {
            let fields = Sides { source: &["boss"][..], target: &["lead"][..] };
            let refers = |pair: PairBuilder| pair.id("boss").references("contacts");
            mapping = self.tie_fields(mapping, fields, refers);
        }
        for (at, pair) in PAIRS.iter().enumerate().skip(1) {
            mapping = self.tie(mapping, at, pair.fields, |pair| match at {
                FORTH => forth(pair).drift(drift),
                BACK => back(pair).drift(drift),
                _ => pair,
            });
        }
        mapping
    }

    fn tie_mail(&self, mapping: MappingBuilder) -> MappingBuilder {
        let fields = Sides { source: &["email"][..], target: &["mail"][..] };
        self.tie_fields(mapping, fields, |pair| pair.id("email = mail"))
    }

    fn tie(
        &self,
        mapping: MappingBuilder,
        at: usize,
        fields: Sides<&'static [&'static str]>,
        with: impl FnOnce(PairBuilder) -> PairBuilder,
    ) -> MappingBuilder {
        self.tie_fields(mapping, fields, |pair| with(pair.id(PAIRS[at].id)))
    }

    fn tie_fields(
        &self,
        mapping: MappingBuilder,
        fields: Sides<&'static [&'static str]>,
        with: impl FnOnce(PairBuilder) -> PairBuilder,
    ) -> MappingBuilder {
        let of = |side: Side| fields[self.side(side)].iter();
        mapping.pair_fields(of(Side::Source), of(Side::Target), with)
    }
}

/// A strategy as it is from the other end.
fn mirror(strategy: &Conflicts) -> Conflicts {
    match strategy {
        Conflicts::SourceWins => Conflicts::TargetWins,
        Conflicts::TargetWins => Conflicts::SourceWins,
        Conflicts::PreferSourceUnlessBlank => Conflicts::PreferTargetUnlessBlank,
        Conflicts::PreferTargetUnlessBlank => Conflicts::PreferSourceUnlessBlank,
        other => other.clone(),
    }
}

/// The pairs by which the oracle is told what is tied are those of the mapping.
pub(crate) fn same_ids(mapping: &Mapping) -> bool {
    let ids: Vec<String> = mapping.pairs.iter().map(|p| FieldPair::id(p).to_string()).collect();
    PAIRS.iter().all(|pair| ids.iter().any(|id| id == pair.id))
}
