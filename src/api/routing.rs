//! Paths with their methods, for all facades.

use std::rc::Rc;

use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse, Resource, Route, web};

use super::problem::Problem;

/// A path with its methods. `HEAD` is added to `GET`, `OPTIONS` to all; the response to other methods lists the allowed
/// ones.
pub(crate) fn resource(path: &str, methods: Vec<(Method, Route)>) -> Resource {
    let mut names: Vec<&str> = Vec::new();
    for (method, _) in &methods {
        names.push(method.as_str());
        if method == Method::GET {
            names.push("HEAD");
        }
    }
    names.push("OPTIONS");
    let allow: Rc<str> = names.join(", ").into();
    let mut resource = web::resource(path.to_owned());
    for (method, route) in methods {
        resource = resource.route(route.guard(of_method(method)));
    }
    resource.default_service(web::to(move |request: HttpRequest| {
        let allow = Rc::clone(&allow);
        async move {
            if request.method() == Method::OPTIONS {
                return HttpResponse::NoContent().insert_header((ALLOW, &*allow)).finish();
            }
            Problem::method_not_allowed(request.method(), &allow).response(&request)
        }
    }))
}

fn of_method(method: Method) -> impl Guard {
    let is_get = method == Method::GET;
    guard::fn_guard(move |context| {
        let given = &context.head().method;
        *given == method || (is_get && *given == Method::HEAD)
    })
}

/// The response to requests for unknown paths.
pub(crate) fn unknown_route() -> Route {
    web::to(|request: HttpRequest| async move { Problem::unknown_route(&request).response(&request) })
}
