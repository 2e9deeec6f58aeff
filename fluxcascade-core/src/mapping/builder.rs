//! Mappings in code. Setters cannot fail; `build` says everything that is wrong, at once.

use super::check::{self, ConfigError, Finding};
use super::pair::{BaseKeeping, Drift, FieldPair, KeyForm, MatchRule, PairDirection};
use super::policy::{
    Condition, ConflictScope, DeletePolicy, DeleteUpdate, FirstSync, ForeignId, Guards, IdWrites,
    OnChange, Test,
};
use super::{Create, Direction, Endpoint, Mapping};
use crate::model::{
    ConnectionName, FieldName, IdError, MappingName, ObjectType, PairId, Side, Sides,
};
use crate::resolver::Strategies;
use crate::transform::TransformSpec;

/// A mapping that is being built; see [`Mapping::builder`].
#[derive(Debug)]
pub struct MappingBuilder {
    name: String,
    source: Option<Endpoint>,
    target: Option<Endpoint>,
    direction: Direction,
    primary: Option<Side>,
    create: Option<Create>,
    rules: Vec<MatchRule>,
    pairs: Vec<FieldPair>,
    conflicts: Strategies,
    first_link: Option<Strategies>,
    on_delete: Sides<DeletePolicy>,
    delete_update: DeleteUpdate,
    conflict_scope: ConflictScope,
    first_sync: FirstSync,
    guards: Guards,
    filter: Sides<Vec<Condition>>,
    foreign_ids: Sides<Option<ForeignId>>,
    findings: Vec<Finding>,
}

impl MappingBuilder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: None,
            target: None,
            direction: Direction::default(),
            primary: None,
            create: None,
            rules: Vec::new(),
            pairs: Vec::new(),
            conflicts: Strategies::default(),
            first_link: None,
            on_delete: Sides::default(),
            delete_update: DeleteUpdate::default(),
            conflict_scope: ConflictScope::default(),
            first_sync: FirstSync::default(),
            guards: Guards::default(),
            filter: Sides::default(),
            foreign_ids: Sides::default(),
            findings: Vec::new(),
        }
    }

    /// The source: an object type at a connection.
    #[must_use]
    pub fn source(mut self, connection: impl AsRef<str>, object: impl AsRef<str>) -> Self {
        self.source = self.endpoint("source", connection.as_ref(), object.as_ref());
        self
    }

    /// The target: an object type at a connection.
    #[must_use]
    pub fn target(mut self, connection: impl AsRef<str>, object: impl AsRef<str>) -> Self {
        self.target = self.endpoint("target", connection.as_ref(), object.as_ref());
        self
    }

    /// Which way records flow; both ways unless said otherwise.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// The side that wins where a strategy asks for the primary.
    #[must_use]
    pub fn primary(mut self, side: Side) -> Self {
        self.primary = Some(side);
        self
    }

    /// Where records are created; wherever the direction lets records flow unless said otherwise.
    #[must_use]
    pub fn create(mut self, create: Create) -> Self {
        self.create = Some(create);
        self
    }

    /// Records with the same value in these fields are the same thing. Rules go in order.
    #[must_use]
    pub fn match_on(self, source: impl AsRef<str>, target: impl AsRef<str>) -> Self {
        self.match_on_all([source], [target], |rule| rule)
    }

    /// Records with the same values in all of these fields are the same thing.
    #[must_use]
    pub fn match_on_all(
        mut self,
        source: impl IntoIterator<Item = impl AsRef<str>>,
        target: impl IntoIterator<Item = impl AsRef<str>>,
        with: impl FnOnce(RuleBuilder) -> RuleBuilder,
    ) -> Self {
        let place = format!("match rule {}", self.rules.len() + 1);
        let rule = MatchRule {
            source: self.fields(&place, source),
            target: self.fields(&place, target),
            forms: None,
        };
        self.rules.push(with(RuleBuilder { rule }).rule);
        self
    }

    /// Ties one field to one field.
    #[must_use]
    pub fn pair(self, source: impl AsRef<str>, target: impl AsRef<str>) -> Self {
        self.pair_fields([source], [target], |pair| pair)
    }

    /// Ties one field to one field, with more to say about it.
    #[must_use]
    pub fn pair_with(
        self,
        source: impl AsRef<str>,
        target: impl AsRef<str>,
        with: impl FnOnce(PairBuilder) -> PairBuilder,
    ) -> Self {
        self.pair_fields([source], [target], with)
    }

    /// Ties several fields to several fields as one unit.
    #[must_use]
    pub fn pair_fields(
        mut self,
        source: impl IntoIterator<Item = impl AsRef<str>>,
        target: impl IntoIterator<Item = impl AsRef<str>>,
        with: impl FnOnce(PairBuilder) -> PairBuilder,
    ) -> Self {
        let place = format!("pair {}", self.pairs.len() + 1);
        let pair = FieldPair::new(self.fields(&place, source), self.fields(&place, target));
        let built = with(PairBuilder { pair, bad_id: None });
        if let Some(error) = built.bad_id {
            self.findings.push(Finding::new(place, error.to_string()));
        }
        self.pairs.push(built.pair);
        self
    }

    /// How conflicts between two edits are decided; the newest wins unless said otherwise.
    #[must_use]
    pub fn conflicts(mut self, strategies: impl Into<Strategies>) -> Self {
        self.conflicts = strategies.into();
        self
    }

    /// How it is decided when records are linked that hold different values.
    #[must_use]
    pub fn first_link(mut self, strategies: impl Into<Strategies>) -> Self {
        self.first_link = Some(strategies.into());
        self
    }

    /// What is done when a record of this side was deleted and its twin is unchanged; the link ends
    /// and the twin stays unless said otherwise.
    #[must_use]
    pub fn on_delete(mut self, side: Side, policy: DeletePolicy) -> Self {
        self.on_delete[side] = policy;
        self
    }

    /// What is done when a record was deleted and its twin was edited; the twin stays unless said
    /// otherwise.
    #[must_use]
    pub fn delete_update(mut self, policy: DeleteUpdate) -> Self {
        self.delete_update = policy;
        self
    }

    /// What is in conflict when both sides were edited; the pairs that both edited unless said
    /// otherwise.
    #[must_use]
    pub fn conflict_scope(mut self, scope: ConflictScope) -> Self {
        self.conflict_scope = scope;
        self
    }

    /// How records are treated that a match rule found to be the same.
    #[must_use]
    pub fn first_sync(mut self, mode: FirstSync) -> Self {
        self.first_sync = mode;
        self
    }

    /// When a run stops and asks.
    #[must_use]
    pub fn guards(mut self, guards: Guards) -> Self {
        self.guards = guards;
        self
    }

    /// Only records of this side that meet the test are in scope; several are all to be met.
    #[must_use]
    pub fn filter(mut self, side: Side, field: impl AsRef<str>, test: Test) -> Self {
        let place = format!("filter of the {side}");
        if let Some(field) = self.fields(&place, [field]).pop() {
            self.filter[side].push(Condition { field, test });
        }
        self
    }

    /// A field of this side that holds the id of the other side's record.
    #[must_use]
    pub fn foreign_id(mut self, side: Side, field: impl AsRef<str>, writes: IdWrites) -> Self {
        let place = format!("foreign id of the {side}");
        if let Some(field) = self.fields(&place, [field]).pop() {
            self.foreign_ids[side] = Some(ForeignId { field, writes });
        }
        self
    }

    /// The mapping, if nothing is wrong with it that can be found without a system.
    ///
    /// # Errors
    /// All findings at once.
    pub fn build(mut self) -> Result<Mapping, ConfigError> {
        let name = MappingName::new(&self.name).map_err(|error| self.find("name", &error)).ok();
        for (side, endpoint) in [("source", &self.source), ("target", &self.target)] {
            if endpoint.is_none() && !self.findings.iter().any(|f| f.place == side) {
                let message = format!("not set: add .{side}(connection, object type)");
                self.findings.push(Finding::new(side, message));
            }
        }
        let (Some(name), Some(source), Some(target)) = (name, self.source, self.target) else {
            return Err(ConfigError { findings: self.findings });
        };
        let mapping = Mapping {
            name,
            source,
            target,
            direction: self.direction,
            primary: self.primary,
            create: self.create,
            rules: self.rules,
            pairs: self.pairs,
            conflicts: self.conflicts,
            first_link: self.first_link,
            on_delete: self.on_delete,
            delete_update: self.delete_update,
            conflict_scope: self.conflict_scope,
            first_sync: self.first_sync,
            guards: self.guards,
            filter: self.filter,
            foreign_ids: self.foreign_ids,
        };
        let mut findings = self.findings;
        findings.extend(check::alone(&mapping));
        ConfigError::unless_empty(findings).map(|()| mapping)
    }

    fn endpoint(&mut self, place: &str, connection: &str, object: &str) -> Option<Endpoint> {
        let connection = ConnectionName::new(connection).map_err(|e| self.find(place, &e)).ok();
        let object = ObjectType::new(object).map_err(|e| self.find(place, &e)).ok();
        Some(Endpoint { connection: connection?, object: object? })
    }

    fn fields(
        &mut self,
        place: &str,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Vec<FieldName> {
        names
            .into_iter()
            .filter_map(|name| FieldName::new(name.as_ref()).map_err(|e| self.find(place, &e)).ok())
            .collect()
    }

    fn find(&mut self, place: &str, error: &IdError) {
        self.findings.push(Finding::new(place, error.to_string()));
    }
}

/// A match rule that is being built.
#[derive(Debug)]
pub struct RuleBuilder {
    rule: MatchRule,
}

impl RuleBuilder {
    /// How each field is brought into one form, in the order of the fields.
    #[must_use]
    pub fn forms(mut self, forms: impl IntoIterator<Item = KeyForm>) -> Self {
        self.rule.forms = Some(forms.into_iter().collect());
        self
    }
}

/// A pair that is being built.
#[derive(Debug)]
pub struct PairBuilder {
    pair: FieldPair,
    bad_id: Option<IdError>,
}

impl PairBuilder {
    /// Names the pair, for reports and for telling it from others that tie the same fields.
    #[must_use]
    pub fn id(mut self, id: impl AsRef<str>) -> Self {
        match PairId::new(id.as_ref()) {
            Ok(id) => self.pair.id = Some(id),
            Err(error) => self.bad_id = Some(error),
        }
        self
    }

    /// It flows from the source to the target alone.
    #[must_use]
    pub fn source_only(mut self) -> Self {
        self.pair.direction = Some(PairDirection::SourceOnly);
        self
    }

    /// It flows from the target to the source alone.
    #[must_use]
    pub fn target_only(mut self) -> Self {
        self.pair.direction = Some(PairDirection::TargetOnly);
        self
    }

    /// Adds a transform, after those it has.
    #[must_use]
    pub fn transform(mut self, transform: TransformSpec) -> Self {
        self.pair.transforms.push(transform);
        self
    }

    /// How its conflicts are decided.
    #[must_use]
    pub fn conflicts(mut self, strategies: impl Into<Strategies>) -> Self {
        self.pair.conflicts = Some(strategies.into());
        self
    }

    /// How it is decided when linked records hold different values.
    #[must_use]
    pub fn first_link(mut self, strategies: impl Into<Strategies>) -> Self {
        self.pair.first_link = Some(strategies.into());
        self
    }

    /// A blank on the side that it flows from is refused, never written.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.pair.required = true;
        self
    }

    /// Its values are in no log line, error text or printed plan.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.pair.sensitive = true;
        self
    }

    /// What is kept of its values where they are stored.
    #[must_use]
    pub fn base(mut self, base: BaseKeeping) -> Self {
        self.pair.base = base;
        self
    }

    /// What is done with an edit against its direction.
    #[must_use]
    pub fn drift(mut self, drift: Drift) -> Self {
        self.pair.drift = drift;
        self
    }

    /// Pairs of one group conflict together: one side wins all of them.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.pair.group = Some(group.into());
        self
    }

    /// Its values refer to records of another mapping's endpoints, and are translated by its links.
    #[must_use]
    pub fn references(mut self, mapping: impl AsRef<str>) -> Self {
        match MappingName::new(mapping.as_ref()) {
            Ok(mapping) => self.pair.reference = Some(mapping),
            Err(error) => self.bad_id = Some(error),
        }
        self
    }

    /// What is done when its transform was changed.
    #[must_use]
    pub fn on_change(mut self, on_change: OnChange) -> Self {
        self.pair.on_change = on_change;
        self
    }
}
