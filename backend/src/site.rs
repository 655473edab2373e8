//! Static files: the demo page at `/`, the built package at `/restamp/`.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::exchange::{Exchange, Reply};

/// Serves a file, `index.html` for a folder, 404 for the rest.
pub fn answer(app: &App, exchange: &Exchange) -> Reply {
    let segments = exchange.segments();
    let (root, rest) = match segments.split_first() {
        Some((first, rest)) if first == "restamp" && app.options.package.is_some() => {
            (app.options.package.as_deref(), rest)
        }
        _ => (app.options.www.as_deref(), segments.as_slice()),
    };
    let file = root.and_then(|root| inside(root, rest)).and_then(|file| {
        let bytes = std::fs::read(&file).ok()?;
        Some(Reply::text(200, content_type(&file), bytes).with("cache-control", "no-cache"))
    });
    file.unwrap_or_else(|| Reply::html(404, "<!doctype html><title>404 Not Found</title>"))
}

/// The file below `root`; nothing if a segment would leave it.
fn inside(root: &Path, segments: &[String]) -> Option<PathBuf> {
    let mut path = root.to_owned();
    for segment in segments {
        let plain = !matches!(segment.as_str(), "." | "..") && !segment.contains(['/', '\\', '\0']);
        if !plain {
            return None;
        }
        path.push(segment);
    }
    Some(if path.is_dir() { path.join("index.html") } else { path })
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "map" => "application/json",
        "ts" | "txt" | "md" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
