//! Which addresses there are. `openapi.json` describes the same, and a test holds the two together.

use axum::http::Method;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// This interface, described.
    Openapi,
    /// Documents of a collection.
    Find,
    /// A new document.
    Create,
    /// One document.
    Get,
    /// A save.
    Put,
    /// A deletion.
    Delete,
    /// Several documents, all or nothing.
    Commit,
    /// The change feed.
    Changes,
    /// Numbers.
    Sequence,
    /// Asking for a lease.
    Lease,
    /// Giving it back.
    Release,
    /// Newest copies of several documents.
    Documents,
    /// Asking for leases on several documents.
    Leases,
    /// Giving them back.
    ReleaseSeveral,
    /// The merge at the server.
    Apply,
}

/// All of them: method, address, what it asks for.
pub const ROUTES: [(&str, &str, Route); 15] = [
    ("GET", "/rest/_openapi.json", Route::Openapi),
    ("GET", "/rest/{collection}", Route::Find),
    ("POST", "/rest/{collection}", Route::Create),
    ("GET", "/rest/{collection}/{id}", Route::Get),
    ("PUT", "/rest/{collection}/{id}", Route::Put),
    ("DELETE", "/rest/{collection}/{id}", Route::Delete),
    ("POST", "/rest/{collection}/_commit", Route::Commit),
    ("GET", "/rest/{collection}/_changes", Route::Changes),
    ("POST", "/rest/{collection}/_sequences/{name}", Route::Sequence),
    ("POST", "/rest/{collection}/_documents", Route::Documents),
    ("POST", "/rest/{collection}/_leases", Route::Leases),
    ("POST", "/rest/{collection}/_release", Route::ReleaseSeveral),
    ("POST", "/rest/{collection}/{id}/_lease", Route::Lease),
    ("DELETE", "/rest/{collection}/{id}/_lease", Route::Release),
    ("POST", "/rest/{collection}/{id}/_apply", Route::Apply),
];

/// Where a request leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There.
    Route(Route),
    /// The address exists, but not for this method.
    OtherMethod,
    /// Nowhere.
    Nothing,
}

/// Finds the route of a request. HEAD goes where GET goes.
pub fn find(method: &Method, segments: &[String]) -> Found {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let here = ROUTES.iter().filter(|(_, address, _)| leads_to(address, segments));
    let mut found = Found::Nothing;
    for (wanted, _, route) in here {
        if *wanted == method {
            return Found::Route(*route);
        }
        found = Found::OtherMethod;
    }
    found
}

/// Names in braces stand for any segment that does not begin with `_`; a sequence's may.
fn leads_to(address: &str, segments: &[String]) -> bool {
    let mut parts = address.split('/').skip(1);
    let fits = segments.iter().all(|segment| match parts.next() {
        Some("{name}") => true,
        Some(part) if part.starts_with('{') => !segment.starts_with('_'),
        Some(part) => part == segment,
        None => false,
    });
    fits && parts.next().is_none()
}
