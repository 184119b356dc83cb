//! What rendered text may look like where it goes, and the few tones that it uses.

use comfy_table::{Attribute, Cell, Color, ContentArrangement};

/// What rendered text may look like where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// True: tones become colours. Only terminals have them.
    pub(crate) has_colour: bool,
    /// Columns of the terminal. `None`: not a terminal, so nothing is wrapped.
    pub(crate) width: Option<u16>,
}

/// How something is meant, whatever colour that gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// A heading.
    Strong,
    /// Beside the point.
    Faint,
    /// As it should be.
    Good,
    /// To be looked at, not wrong yet.
    Care,
    /// Wrong: a person must look.
    Bad,
}

impl Tone {
    /// The SGR parameters of the tone; empty for none.
    fn codes(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Care => "33",
            Self::Bad => "1;31",
        }
    }
}

impl Look {
    /// As in a file or a pipe.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { has_colour: false, width: None };

    /// The text in a tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        match tone.codes() {
            codes if self.has_colour && !codes.is_empty() => format!("\u{1b}[{codes}m{text}\u{1b}[0m"),
            _ => text.to_owned(),
        }
    }

    /// An empty table without frame.
    pub(crate) fn table(self, header: &[&str]) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING).force_no_tty();
        if self.has_colour {
            table.enforce_styling();
        }
        match self.width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        table.set_header(header.iter().map(|title| cell(Tone::Strong, *title)));
        table
    }
}

/// A cell of a table, in a tone.
pub(crate) fn cell(tone: Tone, text: impl ToString) -> Cell {
    let cell = Cell::new(text);
    match tone {
        Tone::Plain => cell,
        Tone::Strong => cell.add_attribute(Attribute::Bold),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Care => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
    }
}

/// The table as text; columns stand two spaces apart.
pub(crate) fn finish(mut table: comfy_table::Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::{Look, Tone, cell, finish};

    #[test]
    fn only_a_look_with_colour_has_escapes() {
        let coloured = Look { has_colour: true, width: Some(80) };
        let table = |look: Look| {
            let mut table = look.table(&["A"]);
            table.add_row([cell(Tone::Bad, "x")]);
            finish(table)
        };
        for (look, has_escapes) in [(Look::PLAIN, false), (coloured, true)] {
            assert_eq!(look.paint(Tone::Bad, "x").contains('\u{1b}'), has_escapes);
            assert_eq!(table(look).contains('\u{1b}'), has_escapes);
        }
    }
}
