//! The socket side: accepting, routing, breaking connections, closing down.
//!
//! hyper is driven by hand because a server that loses answers must be able to end a
//! connection without one.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Response};
use axum::routing::any;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::app::App;
use crate::exchange::{pairs, Exchange, Reply};
use crate::faults::{page, Fault};
use crate::{frappe, rest, site, test_endpoints};

const REST_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const FRAPPE_BODY_BYTES_MAX: usize = 25 * 1024 * 1024;
/// What is read of a body that is too long before the connection is given up.
const READ_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// Lets the first half of a cut answer leave before the connection ends.
const CUT_WAIT: Duration = Duration::from_millis(50);

/// The connection is to be dropped.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

/// Whether the client has closed the connection: the sender is gone then.
#[derive(Clone)]
struct Gone(watch::Receiver<()>);

/// What every connection holds.
#[derive(Clone)]
struct Shared {
    app: Arc<App>,
    router: Router,
    /// Told when connections shall end after the answer they are at.
    retire: Arc<watch::Sender<()>>,
}

/// Serves until SIGTERM or SIGINT. Says on stdout where, once it listens.
pub async fn run(app: Arc<App>) -> io::Result<()> {
    let listener = listen(app.options.port)?;
    let shared =
        Shared { router: router(Arc::clone(&app)), app, retire: Arc::new(watch::channel(()).0) };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(serve(shared.clone(), stream));
                }
                // Out of descriptors, most likely: others will close some.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    shared.retire.send_replace(());
    shared.app.rest.end();
    let _ = tokio::time::timeout(CLOSE_WAIT, shared.retire.closed()).await;
    Ok(())
}

/// A thousand tills may come at the same moment.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

async fn serve(shared: Shared, stream: TcpStream) {
    let mut retired = shared.retire.subscribe();
    let keep_alive = !shared.app.options.no_keep_alive;
    let service = service_fn(move |request| handle(shared.clone(), request));
    let connection = http1::Builder::new()
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    loop {
        tokio::select! {
            // An error is a client that went away or a connection dropped on purpose.
            _ = connection.as_mut() => return,
            Ok(()) = retired.changed() => connection.as_mut().graceful_shutdown(),
        }
    }
}

/// Runs in a task of its own: like the recorded server it finishes and commits although the
/// client has closed the socket (transcript 60).
async fn handle(shared: Shared, mut request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    // Ends with this function, or when the client closes the connection: who waits for a turn for it
    // need not wait any longer.
    let (_here, gone) = watch::channel(());
    request.extensions_mut().insert(Gone(gone));
    tokio::spawn(respond(shared, request)).await.unwrap_or(Err(Dropped))
}

async fn respond(shared: Shared, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let started = Instant::now();
    let method = request.method().to_string();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let origin = shared.app.options.cors.clone();
    let preflight = request.headers().get("access-control-request-headers").cloned();
    // Without --cors a preflight is answered too, but allows nothing (transcript 41).
    let answered = match *request.method() {
        Method::OPTIONS => Ok(Reply::text(200, "text/plain; charset=utf-8", "").into()),
        _ => with_faults(&shared, request.map(Body::new), &method, &target).await,
    };
    let control = target.starts_with("/_test/");
    if !control {
        let status = answered.as_ref().ok().map(|response| response.status().as_u16());
        shared.app.record.note(&method, &target, status, started.elapsed());
    }
    let mut response = answered?;
    if shared.app.armed.drops_connections() {
        response.headers_mut().insert("connection", HeaderValue::from_static("close"));
        if control {
            shared.retire.send_replace(());
        }
    }
    if let Some(origin) = origin {
        allow_origin(&mut response, &origin, preflight, target.starts_with("/rest/"));
    }
    Ok(response)
}

/// Makes the answer, or what a fault makes of it.
async fn with_faults(
    shared: &Shared,
    request: Request,
    method: &str,
    target: &str,
) -> Result<Response<Body>, Dropped> {
    let control = target.starts_with("/_test/");
    let plain = outline(&request);
    let faults = match wanted_faults(shared, &plain, method, target, control) {
        Ok(faults) => faults,
        Err(reason) => return Ok(Reply::text(400, "text/plain; charset=utf-8", reason).into()),
    };
    let mut instead = None;
    for fault in &faults {
        match fault {
            Fault::Delay(wait) => tokio::time::sleep(*wait).await,
            Fault::LostRequest => return Err(Dropped),
            fault => instead = instead.or_else(|| fault.instead(&plain)),
        }
    }
    let mut response = match instead {
        Some(reply) => reply.into(),
        None => shared.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {}),
    };
    for fault in &faults {
        match fault {
            Fault::DelayAfter(wait) => tokio::time::sleep(*wait).await,
            Fault::LostAnswer => return Err(Dropped),
            Fault::TimeoutApplied => response = page(504, "Gateway Time-out").into(),
            Fault::Truncate => response = cut(response).await?,
            _ => {}
        }
    }
    Ok(response)
}

fn wanted_faults(
    shared: &Shared,
    plain: &Exchange,
    method: &str,
    target: &str,
    control: bool,
) -> Result<Vec<Fault>, String> {
    if control {
        return Ok(Vec::new());
    }
    let mut faults = shared.app.armed.spring(method, target);
    for list in [plain.header("x-fault"), plain.query("_fault")].into_iter().flatten() {
        faults.extend(Fault::parse(list)?);
    }
    Ok(faults)
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/{*path}", any(|app, request| dispatch(app, request, frappe::answer)))
        .route("/rest/{*path}", any(rest_dialect))
        .route("/_test/{*path}", any(|app, request| dispatch(app, request, test_endpoints::answer)))
        .fallback(|app, request| dispatch(app, request, site::answer))
        .with_state(app)
}

/// Reads the body and hands the request, now plain data, to a dialect on a thread that may
/// block.
async fn dispatch(
    State(app): State<Arc<App>>,
    request: Request,
    answer: fn(&App, &Exchange) -> Reply,
) -> Response<Body> {
    let Some(exchange) = whole(request, FRAPPE_BODY_BYTES_MAX).await else {
        return page(413, "Request Entity Too Large").into();
    };
    match tokio::task::spawn_blocking(move || answer(&app, &exchange)).await {
        Ok(reply) => reply.into(),
        Err(_) => Reply::text(500, "text/plain", "the server made a mistake").into(),
    }
}

/// Reads the body and hands the request to the REST dialect, which may wait.
async fn rest_dialect(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let gone = request.extensions().get::<Gone>().cloned();
    let gone = gone.map_or_else(|| watch::channel(()).1, |Gone(gone)| gone);
    match whole(request, REST_BODY_BYTES_MAX).await {
        Some(exchange) => rest::answer(&app.rest, exchange, gone).await,
        None => {
            let body =
                serde_json::json!({"code": "too_large", "message": "The body is over 16 MiB"});
            Reply::json(413, &body).into()
        }
    }
}

/// The request with its body, unless that is too large.
async fn whole(request: Request, bytes_max: usize) -> Option<Exchange> {
    let mut exchange = outline(&request);
    let body = axum::body::to_bytes(request.into_body(), READ_BYTES_MAX).await.ok()?;
    exchange.body = body;
    (exchange.body.len() <= bytes_max).then_some(exchange)
}

/// The request without its body.
fn outline(request: &Request) -> Exchange {
    Exchange {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: pairs(request.uri().query().unwrap_or_default()),
        headers: request.headers().clone(),
        body: bytes::Bytes::new(),
    }
}

/// The first half of the body under the whole body's length, then the end of the connection.
async fn cut(response: Response<Body>) -> Result<Response<Body>, Dropped> {
    let (mut parts, body) = response.into_parts();
    // A stream has no half.
    if parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
        return Err(Dropped);
    }
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| Dropped)?;
    let half = bytes.slice(..bytes.len() / 2);
    parts.headers.insert("content-length", HeaderValue::from(bytes.len()));
    let stream = futures_util::stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok(half), None)),
            None => {
                tokio::time::sleep(CUT_WAIT).await;
                Some((Err(Dropped), None))
            }
        }
    });
    Ok(Response::from_parts(parts, Body::from_stream(stream)))
}

fn allow_origin(
    response: &mut Response<Body>,
    origin: &str,
    asked_headers: Option<HeaderValue>,
    rest: bool,
) {
    let headers = response.headers_mut();
    if let Ok(origin) = HeaderValue::from_str(origin) {
        headers.insert("access-control-allow-origin", origin);
    }
    headers.insert("vary", HeaderValue::from_static("Origin"));
    headers.insert("access-control-allow-credentials", HeaderValue::from_static("true"));
    headers.insert(
        "access-control-allow-methods",
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    if let Some(asked) = asked_headers {
        headers.insert("access-control-allow-headers", asked);
    }
    // Frappe exposes none (transcript 75), so a page cannot read its Retry-After.
    if rest {
        headers.insert(
            "access-control-expose-headers",
            HeaderValue::from_static(
                "ETag, Retry-After, Retry-After-Ms, Location, Fence, Lease-Ttl",
            ),
        );
    }
}

impl From<Reply> for Response<Body> {
    fn from(reply: Reply) -> Self {
        let mut response = Self::new(Body::from(reply.body));
        if let Ok(status) = axum::http::StatusCode::from_u16(reply.status) {
            *response.status_mut() = status;
        }
        for (name, value) in reply.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}
