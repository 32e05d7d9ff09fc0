//! A server within an actix-web app: its API and the program's routes share one port.
//!
//! ```sh
//! cargo run --example embedded_in_app
//! curl http://127.0.0.1:8080/hello/ann
//! curl http://127.0.0.1:8080/api/tickerq/jobs
//! ```

use std::error::Error;

use actix_web::{App, HttpServer, Responder, get, web};
use tickerq::Server;
use tickerq::domain::job::outcome::Failure;
use tickerq::handlers::{JobContext, in_process};
use tickerq::service::Jobs;

/// Dependencies of handlers, such as connections to other services.
struct Greetings {
    word: String,
}

async fn greet(state: web::Data<Greetings>, _: JobContext, name: String) -> Result<String, Failure> {
    Ok(format!("{} {name}", state.word))
}

/// A route of the program, which schedules a job.
#[get("/hello/{name}")]
async fn hello(jobs: web::Data<Jobs>, name: web::Path<String>) -> Result<impl Responder, Box<dyn Error>> {
    jobs.request("GreetJob").parameters(&*name).schedule().await?;
    Ok(format!("{name} will be greeted\n"))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let state = web::Data::new(Greetings {
        word: "hello".to_owned(),
    });
    let tickerq = Server::builder()
        .database_url("sqlite:embedded.db")
        .handler("GreetJob", in_process::function_with(state, greet))
        .embed()
        .await?;
    let (facades, jobs) = (tickerq.facades(), web::Data::new(tickerq.jobs().clone()));
    let http = HttpServer::new(move || {
        App::new()
            .app_data(jobs.clone())
            .service(hello)
            .configure(|routes| facades.configure(routes))
    });
    let http = http.bind(("127.0.0.1", 8080))?.disable_signals().run();
    let handle = http.handle();
    actix_web::rt::spawn(http);
    tokio::signal::ctrl_c().await?;
    // In this order: requests are served while running jobs finish, and readiness reports the shutdown.
    tickerq.stop().await;
    handle.stop(true).await;
    Ok(())
}
