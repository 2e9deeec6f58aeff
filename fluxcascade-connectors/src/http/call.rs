//! One thing asked of a vendor: what is sent, whether it may be sent again, and until when. Sending it is
//! the client's.

use std::fmt;

use fluxcascade_core::model::Timestamp;
use secrecy::SecretString;

use super::credential::hidden_in;
use super::retry::Repeat;

/// Parts of forms that are no secrets, and that vendors name in what they say.
const PUBLIC: [&str; 4] = ["grant_type", "client_id", "redirect_uri", "token_type_hint"];

/// The verbs that adapters use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What a call carries.
pub(crate) enum Body {
    Nothing,
    /// JSON text.
    Json(Vec<u8>),
    /// A form; its values may be secrets.
    Form(Vec<(&'static str, SecretString)>),
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Asker {
    /// The connection, with its credential.
    Connection,
    /// Whoever has what is in the body, or nobody.
    Nobody,
    /// Somebody else, with a key in the query: nothing of the connection's is sent.
    Key {
        /// What the key is called in the query.
        name: &'static str,
        /// The key.
        key: SecretString,
    },
    /// Whoever was just given this token.
    Token(SecretString),
}

/// One thing asked of a vendor. It may take several requests.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    pub(super) asker: Asker,
    pub(super) kind: &'static str,
    pub(super) repeat: Repeat,
    pub(super) not_after: Option<Timestamp>,
    /// Sent so often at most, if that is less than the settings say.
    pub(super) attempts: u32,
    /// Room in the limits was taken for its first attempt.
    pub(super) has_room: bool,
}

impl Call {
    /// A read: it may be repeated freely. The kind is what requests are counted by.
    pub(crate) fn read(kind: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Nothing,
            asker: Asker::Connection,
            kind,
            repeat: Repeat::Safely,
            not_after: None,
            attempts: u32::MAX,
            has_room: false,
        }
    }

    /// A write: it is repeated only if it surely was not carried out, and no attempt leaves after
    /// `not_after`.
    pub(crate) fn write(
        kind: &'static str,
        method: Method,
        path: impl Into<String>,
        not_after: Option<Timestamp>,
    ) -> Self {
        Self { repeat: Repeat::OnlyIfNotSent, not_after, ..Self::read(kind, method, path) }
    }

    /// Adds a part of the query that is no secret: a key is an [`Asker`]'s.
    #[must_use]
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header that is no secret.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What it carries.
    #[must_use]
    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Sent once, whatever comes of it.
    #[must_use]
    pub(crate) fn once(self) -> Self {
        Self { attempts: 1, ..self }
    }

    /// Its room in the limits was taken by [`Client::set_aside`](super::Client::set_aside).
    #[must_use]
    pub(crate) fn with_room(self) -> Self {
        Self { has_room: true, ..self }
    }

    /// Whose call it is, if not the connection's.
    #[must_use]
    pub(crate) fn asked_by(mut self, asker: Asker) -> Self {
        self.asker = asker;
        self
    }
}

impl Call {
    /// The key that the query has beside what is no secret.
    pub(super) fn key(&self) -> Option<(&'static str, &SecretString)> {
        match &self.asker {
            Asker::Key { name, key } => Some((name, key)),
            Asker::Connection | Asker::Nobody | Asker::Token(_) => None,
        }
    }

    /// The text without the secrets that the call's form and query have.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let fields: &[_] = match &self.body {
            Body::Form(fields) => fields,
            Body::Nothing | Body::Json(_) => &[],
        };
        let of_form = fields.iter().filter(|(name, _)| !PUBLIC.contains(name));
        let of_form = of_form.map(|(_, secret)| secret);
        let secrets = of_form.chain(self.key().map(|(_, key)| key));
        secrets.fold(text.to_owned(), |text, secret| hidden_in(&text, secret))
    }
}

/// Shows where a call goes; never its query, headers or body.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {:?} {}, {:?})", self.kind, self.method, self.path, self.repeat)
    }
}
