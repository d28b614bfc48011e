//! What is said of the console's routes in the OpenAPI document.

use crate::http::errors::Code;
use crate::http::openapi::{Area, Operation, Text, get};

pub(in crate::http) fn area() -> Area {
    Area::new(
        "Console",
        "The web console for admins and planners: files that are the same for everybody. It asks the \
         routes of this API with the key that somebody signs in with.",
        [
            file("/console", "openConsole", "The console's page"),
            file("/console/", "openConsoleFolder", "The console's page"),
            file("/console/{file}", "readConsoleFile", "One of its files"),
            file(
                "/console/{folder}/{file}",
                "readConsoleFileInFolder",
                "One of its files",
            ),
            file(
                "/console/{folder}/{kind}/{file}",
                "readConsoleFileOfKind",
                "One of its files",
            ),
            file(
                "/console/{folder}/{kind}/{part}/{file}",
                "readConsoleFileOfPart",
                "One of its files",
            ),
        ],
    )
}

fn file(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let media_type = match path {
        "/console" | "/console/" => "text/html",
        _ => "text/javascript",
    };
    get(path, id, summary)
        .header::<Text>("If-None-Match", "The `ETag` of what you have.")
        .gives_as::<Text>(200, "The file.", media_type)
        .with_header::<Text>("ETag", "Send it as `If-None-Match`.")
        .gives_nothing(304, "You have it.")
        .refuses(&[Code::NotFound])
}
