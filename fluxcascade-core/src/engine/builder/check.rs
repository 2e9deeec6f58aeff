//! What is checked of a mapping once it has an engine: its connections, what its systems can do, and
//! the mappings that it refers to.

use std::collections::BTreeMap;

use crate::connector::Capabilities;
use crate::engine::Connection;
use crate::mapping::{CompiledMapping, DeletePolicy, Finding, Mapping};
use crate::model::{ConnectionName, ObjectSchema, Side, Sides, TenantId};

/// A mapping's ends are at connections that the engine has.
pub(in crate::engine) fn connections<C>(
    mapping: &Mapping,
    known: &BTreeMap<ConnectionName, C>,
    findings: &mut Vec<Finding>,
) {
    for side in Side::BOTH {
        let connection = &mapping.endpoint(side).connection;
        if !known.contains_key(connection) {
            findings.push(Finding::new(
                format!("mapping {}", mapping.name),
                format!(
                    "its {side} is the connection {connection}, which the engine does not have: \
                     add .connection(\"{connection}\", ...)"
                ),
            ));
        }
    }
}

/// A pair's references are translated by the links of a mapping of this engine.
pub(in crate::engine) fn references(
    mapping: &Mapping,
    all: &[&Mapping],
    findings: &mut Vec<Finding>,
) {
    for pair in &mapping.pairs {
        let Some(wanted) = &pair.reference else { continue };
        let referred = all.iter().find(|other| other.name == *wanted);
        let message = match referred {
            None => {
                let known: Vec<&str> = all.iter().map(|other| other.name.as_str()).collect();
                format!(
                    "refers to records of the mapping {wanted}, which the engine does not have; \
                     it has: {}",
                    known.join(", ")
                )
            }
            Some(referred) => {
                let other = |side: &Side| {
                    referred.endpoint(*side).connection != mapping.endpoint(*side).connection
                };
                let Some(side) = Side::BOTH.into_iter().find(other) else { continue };
                format!(
                    "refers to records of the mapping {wanted}, whose {side} is at another \
                     connection: both mappings must have the same systems on the same sides"
                )
            }
        };
        let place = format!("mapping {}, pair {}", mapping.name, pair.label());
        findings.push(Finding::new(place, message));
    }
}

/// A reference is translated by the links of the object type that its field refers to.
pub(in crate::engine) fn referred(
    mapping: &CompiledMapping,
    all: &[&Mapping],
    findings: &mut Vec<Finding>,
) {
    for pair in &mapping.pairs {
        let Some(wanted) = &pair.reference else { continue };
        let Some(referred) = all.iter().find(|other| other.name == *wanted) else { continue };
        for (side, end) in pair.ends.iter() {
            let of = referred.endpoint(side);
            for (field, field_type) in end.names.iter().zip(&end.types) {
                let Some(object) = field_type.refers_to() else { continue };
                if *object != of.object {
                    findings.push(Finding::new(
                        format!("mapping {}, pair {}", mapping.mapping.name, pair.label),
                        format!(
                            "{field} in {} refers to {object}, and the mapping {wanted} is of {of}: \
                             name a mapping of {object}",
                            mapping.endpoint(side)
                        ),
                    ));
                }
            }
        }
    }
}

/// A mapping compiled against its systems' schemas, or all that is wrong with it there.
pub(in crate::engine) fn compiled(
    tenant: &TenantId,
    mapping: &Mapping,
    schemas: Sides<&ObjectSchema>,
    connections: &BTreeMap<ConnectionName, Connection>,
) -> Result<CompiledMapping, Vec<Finding>> {
    let removals = Side::BOTH.into_iter().filter_map(|side| {
        let endpoint = mapping.endpoint(side);
        let connection = connections.get(&endpoint.connection)?;
        removals(mapping, side, &connection.connector.capabilities(&endpoint.object))
    });
    let mut findings: Vec<Finding> = removals.collect();
    match CompiledMapping::new(tenant.clone(), mapping.clone(), schemas) {
        Ok(compiled) if findings.is_empty() => return Ok(compiled),
        Ok(_) => {}
        Err(error) => findings.extend(error.findings.into_iter().map(|finding| {
            let place = format!("mapping {}, {}", mapping.name, finding.place);
            Finding::new(place, finding.message)
        })),
    }
    Err(findings)
}

/// A policy for deletes needs a system that can carry it out.
fn removals(mapping: &Mapping, side: Side, capabilities: &Capabilities) -> Option<Finding> {
    let of_other = mapping.on_delete[side.other()];
    let lacking = match of_other {
        DeletePolicy::Archive if !capabilities.archives => "put records away",
        DeletePolicy::Delete if !capabilities.deletes_for_good => "delete records for good",
        DeletePolicy::Unlink
        | DeletePolicy::Archive
        | DeletePolicy::Delete
        | DeletePolicy::Recreate => return None,
    };
    mapping.direction.writes_to(side).then(|| {
        Finding::new(
            format!("mapping {}, on_delete of the {}", mapping.name, side.other()),
            format!(
                "{} cannot {lacking}: choose another policy for deletes of the {}",
                mapping.endpoint(side),
                side.other()
            ),
        )
    })
}
