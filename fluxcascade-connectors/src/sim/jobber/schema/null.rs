//! What fails becomes null, and takes along what can not be without it, up to the next thing that
//! may be null: the executor leaves what failed out instead. Fields that the app has no permission
//! for fail here; which those are is the state's.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo,
};
use async_graphql::{
    PathSegment, QueryPathNode, QueryPathSegment, Response, ServerError, ServerResult, Value,
};
use async_trait::async_trait;

use crate::sim::jobber::Account;
use crate::sim::lock;

/// Makes an extension for each request.
pub(super) struct NullWhatFails;

impl ExtensionFactory for NullWhatFails {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Nulling::default())
    }
}

type Path = Vec<PathKey>;

/// A step to a value of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum PathKey {
    Field(String),
    Index(usize),
}

/// What failed in one answer.
#[derive(Debug, Default)]
struct Nulling {
    /// The fields that were hidden when it began.
    hidden: OnceLock<Arc<[(String, String)]>>,
    failed: Mutex<Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    errors: Vec<ServerError>,
    /// Values that can not be, because something in them failed that can not be null.
    void: HashSet<Path>,
}

impl Nulling {
    fn hides(&self, info: &ResolveInfo<'_>) -> bool {
        let hidden = self.hidden.get().map_or(&[][..], |fields| fields);
        hidden.iter().any(|(object, field)| object == info.parent_type && field == info.name)
    }

    /// Whether something in the value took it along.
    fn is_void(&self, node: &QueryPathNode<'_>) -> bool {
        let mut failed = lock(&self.failed);
        !failed.void.is_empty() && failed.void.remove(&path(node))
    }
}

#[async_trait]
impl Extension for Nulling {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        if let Some(account) = ctx.data_opt::<Arc<Account>>() {
            self.hidden.get_or_init(|| Arc::clone(&account.state().hidden));
        }
        let mut response = next.run(ctx, operation_name).await;
        let mut failed = lock(&self.failed);
        response.errors.append(&mut failed.errors);
        if failed.void.contains(&Path::new()) {
            response.data = Value::Null;
        }
        response
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let node = info.path_node;
        let may_be_null = !info.return_type.ends_with('!');
        let done = if self.hides(&info) { Err(hidden(&info)) } else { next.run(ctx, info).await };
        match done {
            Ok(value) if !self.is_void(node) => return Ok(value),
            Ok(_) => {}
            Err(error) => {
                let steps = path(node).into_iter().map(PathSegment::from).collect();
                lock(&self.failed).errors.push(error.with_path(steps));
            }
        }
        if !may_be_null {
            lock(&self.failed).void.insert(node.parent.map(path).unwrap_or_default());
        }
        Ok(Some(Value::Null))
    }
}

fn hidden(info: &ResolveInfo<'_>) -> ServerError {
    let object = info.return_type.trim_matches(['[', ']', '!']);
    let message = format!("An object of type {object} was hidden due to permissions");
    ServerError::new(message, Some(info.field.name.pos))
}

fn path(node: &QueryPathNode<'_>) -> Path {
    let mut steps: Path = std::iter::once(node).chain(node.parents()).map(PathKey::of).collect();
    steps.reverse();
    steps
}

impl PathKey {
    fn of(node: &QueryPathNode<'_>) -> Self {
        match node.segment {
            QueryPathSegment::Index(index) => Self::Index(index),
            QueryPathSegment::Name(name) => Self::Field(name.to_owned()),
        }
    }
}

impl From<PathKey> for PathSegment {
    fn from(key: PathKey) -> Self {
        match key {
            PathKey::Field(name) => Self::Field(name),
            PathKey::Index(index) => Self::Index(index),
        }
    }
}
