//! SVG as text: the few shapes that the pictures are made of.
//!
//! Every text that is not ours goes through [`shown`]; attributes are numbers and words of this program.

use std::fmt::{Display, Write as _};

use crate::invisible;

/// Grey that has a contrast of 4.5 to 1 on white and on black; what a page sets in its place is inherited.
const INK: &str = "#767676";
/// The most characters of a tip.
const TIP: usize = 400;

/// A picture that is being drawn.
pub(super) struct Picture {
    text: String,
}

/// Where something is, from the upper left corner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) x: u64,
    pub(super) y: u64,
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) at: Point,
    pub(super) width: u64,
    pub(super) height: u64,
}

/// How a text is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) class: &'static str,
    pub(super) size: u8,
    pub(super) anchor: &'static str,
    pub(super) color: &'static str,
}

/// How a shape is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brush {
    pub(super) class: &'static str,
    pub(super) fill: &'static str,
    pub(super) stroke: &'static str,
    pub(super) width: u8,
    pub(super) dashed: bool,
    pub(super) faint: bool,
}

/// Text in the colour of the page.
pub(super) const PLAIN: Pen = Pen {
    class: "text",
    size: 12,
    anchor: "start",
    color: "currentColor",
};

/// A shape in the colour of the page.
pub(super) const LINE: Brush = Brush {
    class: "line",
    fill: "none",
    stroke: "currentColor",
    width: 1,
    dashed: false,
    faint: false,
};

impl Picture {
    /// An empty picture. `name` begins its ids, so that two kinds can stand in one page.
    pub(super) fn new(
        name: &'static str,
        (width, height): (u64, u64),
        title: &str,
        about: &str,
    ) -> Self {
        let mut picture = Self {
            text: String::with_capacity(8 * 1024),
        };
        picture.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"picture {name}\" role=\"img\" \
             aria-labelledby=\"{name}-title {name}-desc\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" color=\"{INK}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\">\n"
        ));
        let (title, about) = (shown(title, TIP), shown(about, 2 * TIP));
        picture.put(format_args!("<title id=\"{name}-title\">{title}</title>\n"));
        picture.put(format_args!("<desc id=\"{name}-desc\">{about}</desc>\n"));
        picture
    }

    /// A line of text, of which at most `most` characters are shown.
    pub(super) fn text(&mut self, pen: Pen, at: Point, text: &str, most: usize) {
        let Pen {
            class,
            size,
            anchor,
            color,
        } = pen;
        let (Point { x, y }, text) = (at, shown(text, most));
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" \
             fill=\"{color}\">{text}</text>\n"
        ));
    }

    /// A rectangle, and what is said of it where somebody points at it.
    pub(super) fn area(&mut self, brush: Brush, area: Area, tip: &str) {
        let Area { at, width, height } = area;
        let Point { x, y } = at;
        self.put(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\""
        ));
        self.brush(brush);
        if tip.is_empty() {
            self.put("/>\n");
        } else {
            let tip = shown(tip, TIP);
            self.put(format_args!("><title>{tip}</title></rect>\n"));
        }
    }

    /// A line along the path data `d` (SVG 2, section 9.3): of numbers alone.
    pub(super) fn curve(&mut self, brush: Brush, d: std::fmt::Arguments<'_>) {
        self.put(format_args!("<path d=\"{d}\""));
        self.brush(brush);
        self.put("/>\n");
    }

    /// The picture.
    pub(super) fn finish(mut self) -> String {
        self.put("</svg>\n");
        self.text
    }

    fn brush(&mut self, brush: Brush) {
        let Brush {
            class,
            fill,
            stroke,
            width,
            dashed,
            faint,
        } = brush;
        self.put(format_args!(
            " class=\"{class}\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{width}\""
        ));
        if dashed {
            self.put(" stroke-dasharray=\"4 3\"");
        }
        if faint {
            self.put(" opacity=\"0.35\"");
        }
    }

    fn put(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{text}");
    }
}

/// At most `most` characters of `text` as the content of an element: on one line, escaped, and with every
/// character that nobody would see, or that XML 1.0 (section 2.2) has no place for, written out.
pub(super) fn shown(text: &str, most: usize) -> String {
    let (text, cut) = match text.char_indices().nth(most) {
        Some((at, _)) => (text.get(..at).unwrap_or_default(), true),
        None => (text, false),
    };
    let mut shown = String::with_capacity(text.len());
    for c in invisible::escaped(text).chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            '\n' | '\t' => shown.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                shown.extend(c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    if cut {
        shown.push('…');
    }
    shown
}
