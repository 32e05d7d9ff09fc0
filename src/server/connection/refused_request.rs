//! Responses to rejected requests.

use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use super::refusal::{METHOD, Refusal};
use super::shared::Shared;
use crate::api::auth::Authenticator;
use crate::api::rest::{Unreadable, unreadable};

/// Responds to the placeholder of a rejected request, and to requests whose body or connection is rejected.
pub(crate) async fn respond_to_refused(
    authenticator: Authenticator,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(shared) = request.request().conn_data::<Rc<Shared>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let refused = if request.method().as_str() == METHOD {
        shared.refusal()
    } else {
        let client = || authenticator.address(request.request());
        shared.count_for_client(request.path(), client).err()
    };
    if let Some(refusal) = refused {
        let why = match refusal {
            Refusal::Malformed(what) => Unreadable::Malformed(what),
            Refusal::TooLarge => Unreadable::TooLarge,
            Refusal::TooSlow => Unreadable::TooSlow,
            Refusal::Full => Unreadable::Full,
        };
        let response = unreadable(request.request(), why);
        return Ok(request.into_response(response));
    }
    let response = next.call(request).await?;
    // The route reports the interrupted body as malformed.
    if shared.is_body_late() && response.status().is_client_error() {
        let late_response = unreadable(response.request(), Unreadable::BodyTooSlow);
        return Ok(response.into_response(late_response));
    }
    Ok(response.map_into_boxed_body())
}
