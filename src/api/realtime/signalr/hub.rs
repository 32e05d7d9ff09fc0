//! The interface of a hub to the protocol: methods that clients call, and events that they receive.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::protocol::Protocol;
use crate::api::strict_json::Strict;
use crate::domain::access::caller::Caller;

/// Error of a method, which is sent to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HubError(pub String);

/// Result of a method.
pub(crate) type Invoked = Pin<Box<dyn Future<Output = Result<Value, HubError>>>>;

/// Creates a client for every connection.
pub(crate) trait Hub: Send + Sync + 'static {
    /// The client of a connection whose handshake has succeeded.
    fn connect(&self, caller: Caller) -> Box<dyn Client>;
}

/// A connected client, on the server's side.
pub(crate) trait Client: 'static {
    /// Calls a method. It changes the client immediately; its result may follow later.
    fn invoke(&mut self, method: &str, arguments: Vec<Value>) -> Invoked;

    /// Polls for the next event of the client, serialized (see [`Protocol::invocation`]).
    fn poll_event(&mut self, protocol: Protocol, cx: &mut Context<'_>) -> Poll<Bytes>;
}

type Method<C> = Box<dyn Fn(&mut C, Vec<Value>) -> Invoked + Send + Sync>;

/// Methods of a hub by their names.
pub(crate) struct Methods<C> {
    methods: Vec<(&'static str, Method<C>)>,
}

impl<C> Default for Methods<C> {
    fn default() -> Self {
        Self { methods: Vec::new() }
    }
}

impl<C: 'static> Methods<C> {
    /// Adds a method with one argument.
    pub(crate) fn with_one_argument<A, F>(mut self, name: &'static str, method: fn(&mut C, A) -> F) -> Self
    where
        A: DeserializeOwned + 'static,
        F: Future<Output = Result<Value, HubError>> + 'static,
    {
        let called: Method<C> = Box::new(move |client, arguments| {
            let given = arguments.len();
            let Ok([argument]) = <[Value; 1]>::try_from(arguments) else {
                return refuse(format!("{name} takes 1 argument, but {given} were given."));
            };
            match A::deserialize(Strict(argument)) {
                Ok(argument) => Box::pin(method(client, argument)),
                Err(error) => refuse(format!("{name} has an invalid argument: {error}")),
            }
        });
        self.methods.push((name, called));
        self
    }

    /// Calls a method. Names are case-insensitive, as in the official server.
    pub(crate) fn call(&self, client: &mut C, name: &str, arguments: Vec<Value>) -> Invoked {
        match self.find(name) {
            Some(method) => method(client, arguments),
            None => {
                let name: String = name.chars().take(64).collect();
                refuse(format!("Unknown hub method '{name}'"))
            }
        }
    }

    fn find(&self, name: &str) -> Option<&Method<C>> {
        let found = self.methods.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, method)| method)
    }
}

fn refuse(error: String) -> Invoked {
    Box::pin(std::future::ready(Err(HubError(error))))
}

/// Groups that one client has joined. They end with its connection: a client that reconnects joins again.
#[derive(Clone, Debug)]
pub(crate) struct Groups<G> {
    joined: BTreeSet<G>,
    max: usize,
}

impl<G: Ord> Groups<G> {
    /// No groups, and a maximum number of them.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            joined: BTreeSet::new(),
            max,
        }
    }

    /// Joins a group. Joining again has no effect.
    pub(crate) fn join(&mut self, group: G) -> Result<(), HubError> {
        if self.joined.len() >= self.max && !self.joined.contains(&group) {
            return Err(HubError(format!("Group limit of a connection ({}) reached.", self.max)));
        }
        self.joined.insert(group);
        Ok(())
    }

    /// Leaves a group, if it was joined.
    pub(crate) fn leave(&mut self, group: &G) {
        self.joined.remove(group);
    }

    /// Number of groups.
    pub(crate) fn len(&self) -> usize {
        self.joined.len()
    }

    /// The groups.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &G> {
        self.joined.iter()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;

    async fn double(number: i64) -> Result<Value, HubError> {
        Ok(json!(number * 2))
    }

    fn call(name: &str, arguments: Vec<Value>) -> Result<Value, String> {
        let methods = Methods::<()>::default().with_one_argument("Double", |(), number| double(number));
        let response = methods.call(&mut (), name, arguments).now_or_never();
        response
            .expect("it is ready at once")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn methods_are_found_in_any_case_and_reject_invalid_arguments() {
        assert_eq!(call("Double", vec![json!(4)]), Ok(json!(8)));
        assert_eq!(call("double", vec![json!(4)]), Ok(json!(8)));
        assert_eq!(call("Triple", vec![]), Err("Unknown hub method 'Triple'".to_owned()));
        assert_eq!(
            call("Double", vec![json!(1), json!(2)]),
            Err("Double takes 1 argument, but 2 were given.".to_owned())
        );
        assert!(call("Double", vec![json!("x")]).is_err());
    }

    #[test]
    fn a_client_is_in_a_bounded_number_of_groups() {
        let mut groups = Groups::new(1);
        assert!(groups.join("a").is_ok());
        assert!(groups.join("a").is_ok(), "joining again has no effect");
        assert!(groups.join("b").is_err());
        groups.leave(&"a");
        assert!(groups.join("b").is_ok());
        assert_eq!(groups.iter().collect::<Vec<_>>(), [&"b"]);
    }
}
