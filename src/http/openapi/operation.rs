//! What is said of one route, and how it is said.

use std::borrow::Cow;

use actix_web::http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::http::errors::Code;

/// How the schema of a type is made.
pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// Operations that belong together.
pub(in crate::http) struct Area {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) operations: Vec<Operation>,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// A parameter of a request, or a header of an answer.
pub(super) struct Parameter {
    pub(super) place: Place,
    pub(super) name: &'static str,
    pub(super) about: Cow<'static, str>,
    pub(super) required: bool,
    /// Whether it may be given several times.
    pub(super) list: bool,
    pub(super) schema: MakeSchema,
}

/// What a request carries.
pub(super) struct Body {
    pub(super) media_type: &'static str,
    pub(super) required: bool,
    pub(super) schema: MakeSchema,
    pub(super) example: Option<Value>,
}

/// What a request is answered with when it is done.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) content: Vec<(&'static str, MakeSchema)>,
    pub(super) headers: Vec<Parameter>,
}

/// What is said of one route.
pub(in crate::http) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The name that generated clients give it.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) codes: Vec<Code>,
}

macro_rules! methods {
    ($($name:ident = $method:ident),+) => {
        $(
            #[doc = concat!("A `", stringify!($method), "` operation.")]
            pub(in crate::http) const fn $name(
                path: &'static str,
                id: &'static str,
                summary: &'static str,
            ) -> Operation {
                Operation::new(Method::$method, path, id, summary)
            }
        )+
    };
}

methods!(get = GET, post = POST, put = PUT, delete = DELETE);

impl Area {
    /// Operations under a name.
    pub(in crate::http) fn new(
        name: &'static str,
        about: &'static str,
        operations: impl IntoIterator<Item = Operation>,
    ) -> Self {
        Self {
            name,
            about,
            operations: operations.into_iter().collect(),
        }
    }
}

impl Operation {
    /// An operation of any method.
    pub(in crate::http) const fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            about: "",
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// What else there is to know about it.
    pub(in crate::http) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    fn parameter<T: JsonSchema>(
        mut self,
        place: Place,
        name: &'static str,
        about: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.parameters.push(Parameter {
            place,
            name,
            about: about.into(),
            required: place == Place::Path,
            list: false,
            schema: SchemaGenerator::subschema_for::<T>,
        });
        self
    }

    /// A parameter of the query.
    pub(in crate::http) fn query<T: JsonSchema>(
        self,
        name: &'static str,
        about: &'static str,
    ) -> Self {
        self.parameter::<T>(Place::Query, name, about)
    }

    /// One that may be given several times.
    pub(in crate::http) fn query_list<T: JsonSchema>(
        mut self,
        name: &'static str,
        about: &'static str,
    ) -> Self {
        self = self.query::<T>(name, about);
        if let Some(last) = self.parameters.last_mut() {
            last.list = true;
        }
        self
    }

    /// A header.
    pub(in crate::http) fn header<T: JsonSchema>(
        self,
        name: &'static str,
        about: &'static str,
    ) -> Self {
        self.parameter::<T>(Place::Header, name, about)
    }

    /// That the parameter said last must be given.
    pub(in crate::http) fn required(mut self) -> Self {
        if let Some(last) = self.parameters.last_mut() {
            last.required = true;
        }
        self
    }

    fn carries<T: JsonSchema>(mut self, media_type: &'static str, required: bool) -> Self {
        self.body = Some(Body {
            media_type,
            required,
            schema: SchemaGenerator::subschema_for::<T>,
            example: None,
        });
        self
    }

    /// That it takes a JSON body.
    pub(in crate::http) fn body<T: JsonSchema>(self) -> Self {
        self.carries::<T>("application/json", true)
    }

    /// That it takes a JSON body, or none.
    pub(in crate::http) fn optional_body<T: JsonSchema>(self) -> Self {
        self.carries::<T>("application/json", false)
    }

    /// That it takes a body of another media type.
    pub(in crate::http) fn body_as<T: JsonSchema>(self, media_type: &'static str) -> Self {
        self.carries::<T>(media_type, true)
    }

    /// A body that works.
    pub(in crate::http) fn example(mut self, example: Value) -> Self {
        if let Some(body) = &mut self.body {
            body.example = Some(example);
        }
        self
    }

    /// An answer in JSON.
    pub(in crate::http) fn gives<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.gives_nothing(status, about)
            .or_as::<T>("application/json")
    }

    /// An answer of another media type.
    pub(in crate::http) fn gives_as<T: JsonSchema>(
        self,
        status: u16,
        about: &'static str,
        media_type: &'static str,
    ) -> Self {
        self.gives_nothing(status, about).or_as::<T>(media_type)
    }

    /// An answer without a body.
    pub(in crate::http) fn gives_nothing(mut self, status: u16, about: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            about,
            content: Vec::new(),
            headers: Vec::new(),
        });
        self
    }

    /// Another media type of the answer said last.
    pub(in crate::http) fn or_as<T: JsonSchema>(mut self, media_type: &'static str) -> Self {
        if let Some(last) = self.answers.last_mut() {
            let make: MakeSchema = SchemaGenerator::subschema_for::<T>;
            last.content.push((media_type, make));
        }
        self
    }

    /// A header of the answer said last.
    pub(in crate::http) fn with_header<T: JsonSchema>(
        mut self,
        name: &'static str,
        about: &'static str,
    ) -> Self {
        if let Some(last) = self.answers.last_mut() {
            last.headers.push(Parameter {
                place: Place::Header,
                name,
                about: about.into(),
                required: false,
                list: false,
                schema: SchemaGenerator::subschema_for::<T>,
            });
        }
        self
    }

    /// The problems that it can give beside those that come of its policy, its body and its
    /// parameters.
    pub(in crate::http) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend_from_slice(codes);
        self
    }
}
