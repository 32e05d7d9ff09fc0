//! Handlers that are Rust functions of this program.

use std::marker::PhantomData;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::job_handler::{JobContext, JobHandler};
use crate::domain::job::outcome::Failure;
pub use crate::domain::job::outcome::IntoFailure;
use crate::domain::values::json::Json;

/// Creates a handler from an asynchronous function, which gets the context of its attempt and the deserialised
/// parameters.
///
/// - Parameters of another type fail the job permanently; the error has the path of the invalid field.
/// - The returned value is the result as JSON; `()` and `None` are no result.
/// - An error is a [`Failure`], which includes advice about retries, or any [`std::error::Error`], which is retried by
///   the job's policy.
/// - A long-running function should watch `context.cancellation`. It may be dropped at any `.await`.
///
/// ```
/// use tickerq::domain::job::outcome::Failure;
/// use tickerq::handlers::{JobContext, in_process};
///
/// #[derive(serde::Deserialize)]
/// struct Email {
///     to: String,
/// }
///
/// let handler = in_process::function(|context: JobContext, email: Email| async move {
///     if !email.to.contains('@') {
///         return Err(Failure::permanent(format!("{} is not an address", email.to)));
///     }
///     Ok(format!("sent by attempt {}", context.job.attempt))
/// });
/// # let _ = handler;
/// ```
pub fn function<F, P, Fut, R, E>(function: F) -> impl JobHandler
where
    F: Fn(JobContext, P) -> Fut + Send + Sync + 'static,
    P: DeserializeOwned + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Serialize + Send + 'static,
    E: IntoFailure + Send + 'static,
{
    Function {
        function,
        parameters: PhantomData,
    }
}

/// Creates a handler from a function with dependencies: a connection pool, a client, settings. Each call gets a clone.
///
/// ```
/// use std::sync::Arc;
/// use tickerq::domain::job::outcome::Failure;
/// use tickerq::handlers::{JobContext, in_process};
///
/// struct Greetings(String);
///
/// let greetings = Arc::new(Greetings("hello".to_owned()));
/// let handler = in_process::function_with(greetings, |greetings, _: JobContext, name: String| async move {
///     Ok::<_, Failure>(format!("{} {name}", greetings.0))
/// });
/// # let _ = handler;
/// ```
pub fn function_with<S, F, P, Fut, R, E>(state: S, function: F) -> impl JobHandler
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, JobContext, P) -> Fut + Send + Sync + 'static,
    P: DeserializeOwned + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Serialize + Send + 'static,
    E: IntoFailure + Send + 'static,
{
    self::function(move |context, parameters| function(state.clone(), context, parameters))
}

struct Function<F, P> {
    function: F,
    // The function takes parameters; the handler stores none.
    parameters: PhantomData<fn(P)>,
}

#[async_trait]
impl<F, P, Fut, R, E> JobHandler for Function<F, P>
where
    F: Fn(JobContext, P) -> Fut + Send + Sync + 'static,
    P: DeserializeOwned + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: Serialize + Send + 'static,
    E: IntoFailure + Send + 'static,
{
    async fn run(&self, context: JobContext) -> Result<Option<Json>, Failure> {
        let parameters = parse(context.job.parameters.as_str())?;
        let output = (self.function)(context, parameters).await;
        to_result(&output.map_err(IntoFailure::into_failure)?)
    }
}

fn parse<P: DeserializeOwned>(parameters: &str) -> Result<P, Failure> {
    let mut json = serde_json::Deserializer::from_str(parameters);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = match error.path().to_string() {
            // The error concerns the complete parameters.
            root if root == "." => String::new(),
            path => format!(" at {path}"),
        };
        Failure::permanent(format!("invalid parameters{path}: {}", error.inner()))
    })
}

fn to_result(value: &impl Serialize) -> Result<Option<Json>, Failure> {
    // The work is done: another attempt would repeat it and fail in the same way.
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::permanent(format!("the result can't be serialised as JSON: {error}")))?;
    Ok(Some(text).filter(|text| text != "null").map(Json::from_valid))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;

    use serde::Deserialize;

    use super::*;
    use crate::domain::job::outcome::RetryAdvice;
    use crate::handlers::sample_job::context;

    #[derive(Deserialize)]
    struct Order {
        customer: Customer,
        items: Vec<u32>,
    }

    #[derive(Deserialize)]
    struct Customer {
        age: u8,
    }

    async fn order_failure(parameters: &str) -> Failure {
        let handler =
            function(
                |_, order: Order| async move { Ok::<_, Failure>(order.items.len() + usize::from(order.customer.age)) },
            );
        handler.run(context(parameters)).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_function_gets_typed_parameters_and_returns_the_result() {
        let handler = function(|context: JobContext, order: Order| async move {
            Ok::<_, Failure>((context.job.attempt, order.customer.age, order.items))
        });
        let result = handler.run(context(r#"{"customer":{"age":3},"items":[4,5]}"#)).await;
        assert_eq!(result, Ok(Some(Json::from_valid("[2,3,[4,5]]"))));
    }

    #[tokio::test]
    async fn invalid_parameters_fail_permanently_and_name_the_field() {
        let failure = order_failure(r#"{"customer":{"age":300},"items":[]}"#).await;
        assert_eq!(failure.retry, RetryAdvice::Never);
        assert!(
            failure
                .error
                .starts_with("invalid parameters at customer.age: invalid value: integer `300`"),
            "{}",
            failure.error
        );
        let failure = order_failure(r#"{"customer":{"age":3},"items":[1,"x"]}"#).await;
        assert!(failure.error.contains("at items[1]: invalid type"), "{}", failure.error);
        let failure = order_failure(r#"{"customer":{"age":3}}"#).await;
        assert!(
            failure.error.starts_with("invalid parameters: missing field `items`"),
            "{}",
            failure.error
        );
    }

    #[tokio::test]
    async fn unit_and_none_are_not_a_result() {
        let unit = function(|_, (): ()| async { Ok::<_, Failure>(()) });
        assert_eq!(unit.run(context("null")).await, Ok(None));
        let none = function(|_, _: serde_json::Value| async { Ok::<_, Failure>(None::<u32>) });
        assert_eq!(none.run(context("{}")).await, Ok(None));
    }

    #[tokio::test]
    async fn a_failure_is_returned_unchanged() {
        let failure = Failure {
            retry: RetryAdvice::NotBefore(crate::domain::values::time_span::TimeSpan::from_secs(9)),
            ..Failure::new("busy").with_detail("by others")
        };
        let returned = failure.clone();
        let handler = function(move |_, (): ()| {
            let returned = returned.clone();
            async move { Err::<(), _>(returned) }
        });
        assert_eq!(handler.run(context("null")).await, Err(failure));
    }

    #[tokio::test]
    async fn any_other_error_is_retried_with_its_causes_as_the_detail() {
        #[derive(Debug, thiserror::Error)]
        #[error("can't send")]
        struct Unsent(#[source] io::Error);

        let handler = function(|_, (): ()| async { Err::<(), _>(Unsent(io::Error::other("no route"))) });
        assert_eq!(
            handler.run(context("null")).await,
            Err(Failure::new("can't send").with_detail("caused by: no route"))
        );
    }

    #[tokio::test]
    async fn a_result_that_is_not_json_fails_permanently() {
        let handler = function(|_, (): ()| async { Ok::<_, Failure>(BTreeMap::from([((1, 2), 3)])) });
        let failure = handler.run(context("null")).await.unwrap_err();
        assert_eq!(
            &*failure.error,
            "the result can't be serialised as JSON: key must be a string"
        );
        assert_eq!(failure.retry, RetryAdvice::Never);
    }
}
