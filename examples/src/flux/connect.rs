//! Connecting an account by OAuth: a browser is sent to the system, and comes back with a code. The tokens
//! are kept in the store of the file. And letting go of it again.

use fluxcascade_connectors::http::oauth::OAuth;

use super::config::Config;
use super::connection::ConnectionInFile;
use super::place::meant;
use super::store::StoreInFile;
use super::{Exit, Host, Outcome};

/// What is to be connected.
pub(super) struct Wanted<'a> {
    pub(super) connection: &'a str,
    /// Whether another account may take the place of the one before.
    pub(super) another: bool,
}

/// Connects the account of a connection.
pub(super) async fn connect(
    config: &Config<'_, '_>,
    wanted: &Wanted<'_>,
    host: &mut Host<'_>,
) -> Outcome<Exit> {
    let name = wanted.connection;
    let (_, oauth) = with_app(config, name, "it is connected")?;
    if config.store.as_ref().is_some_and(StoreInFile::forgets) {
        return Err(
            "the store is the memory, which would forget the tokens: name another one".into()
        );
    }
    let begun = if wanted.another { oauth.begin_with_another() } else { oauth.begin() }?;
    let callback = (host.browser)(begun.url).await?;
    oauth.finish(&begun.pending, callback.trim()).await?;
    writeln!(host.out, "{name} is connected")?;
    Ok(Exit::Done)
}

/// Lets go of the account of a connection.
pub(super) async fn disconnect(
    config: &Config<'_, '_>,
    name: &str,
    host: &mut Host<'_>,
) -> Outcome<Exit> {
    let (connection, _) = with_app(config, name, "withdraw it where it was made")?;
    connection.disconnect().await?;
    writeln!(host.out, "{name} is disconnected")?;
    Ok(Exit::Done)
}

/// The connection of this name, if an account is connected to it by an app.
fn with_app<'c>(
    config: &'c Config<'_, '_>,
    name: &str,
    without: &str,
) -> Outcome<(&'c ConnectionInFile, OAuth<'c>)> {
    let Some(connection) = config.connection(name) else {
        let with_app = config.connections.iter().filter(|one| one.oauth().is_some());
        let meant = meant(name, with_app.map(|one| one.name.as_str()));
        return Err(format!("there is no connection `{name}`: {meant}").into());
    };
    let Some(oauth) = connection.oauth() else {
        let why = format!("`{name}` has a token, and no [connections.{name}.oauth]: {without}");
        return Err(why.into());
    };
    Ok((connection, oauth))
}
