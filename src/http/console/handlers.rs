//! The routes' handlers: a path to a file.

use actix_web::{HttpResponse, web};

use super::{files, folder};
use crate::http::dispatch::Visit;
use crate::http::errors::{Code, Problem};

const INDEX: &str = "index.html";

/// `GET /console`
pub(super) async fn index(visit: Visit) -> Result<HttpResponse, Problem> {
    serve(visit, INDEX.to_owned()).await
}

/// `GET /console/{file}`, and up to three folders deep
pub(super) async fn file(visit: Visit) -> Result<HttpResponse, Problem> {
    let pieces = visit.request.match_info();
    let pieces = ["folder", "kind", "part", "file"].map(|name| pieces.get(name));
    let path: Vec<&str> = pieces.into_iter().flatten().collect();
    let path = path.join("/");
    serve(visit, path).await
}

async fn serve(visit: Visit, path: String) -> Result<HttpResponse, Problem> {
    let none = || {
        let detail = "The console has no such file; it begins at /console.";
        Problem::new(Code::NotFound, detail)
    };
    let Some(root) = visit.api.options.console_files.clone() else {
        let asset = files::find(&path).ok_or_else(none)?;
        return Ok(asset.answer(&visit.request));
    };
    let read = web::block(move || folder::read(&root, &path)).await;
    let asset = read.ok().flatten().ok_or_else(none)?;
    Ok(asset.answer(&visit.request))
}
