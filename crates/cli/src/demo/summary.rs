//! What the demo ends with.

use super::app::Report;
use comfy_table::{CellAlignment, Table, presets};

/// What happened, over all applications.
pub(super) struct Summary {
    /// What the applications counted.
    pub(super) report: Report,
    /// The labels, in the order in which they were used.
    pub(super) labels: Vec<String>,
    /// The largest spread of versions that any agent told of.
    pub(super) spread_max: u64,
}

impl Summary {
    /// True when every request was served and no two versions beyond neighbours were in use.
    pub(super) fn is_good(&self) -> bool {
        self.report.failed == 0 && self.report.served > 0 && self.spread_max <= 1
    }

    /// As text.
    pub(super) fn render(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["while", "requests", "p50 ms", "p99 ms", "max ms"]);
        for label in &self.labels {
            let histogram = self.report.histogram(label);
            let millis = |micros: u64| format!("{}.{}", micros / 1_000, micros % 1_000 / 100);
            table.add_row([
                label.clone(),
                histogram.len().to_string(),
                millis(histogram.value_at_quantile(0.5)),
                millis(histogram.value_at_quantile(0.99)),
                millis(histogram.max()),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let Report { served, failed, failures, .. } = &self.report;
        let mut text = format!(
            "{table}\n\nrequests served           {served}\nrequests failed           {failed}\n\
             largest version spread    {}\n",
            self.spread_max
        );
        for failure in failures {
            text.push_str(&format!("  failed: {failure}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;
    use crate::demo::app::Report;
    use std::time::Duration;

    #[test]
    fn a_failed_request_or_a_wide_spread_is_not_good() {
        let mut report = Report::default();
        report.serve("expand", Duration::from_micros(1_500));
        let good = Summary { report: report.clone(), labels: vec!["expand".into()], spread_max: 1 };
        assert!(good.is_good());
        assert!(good.render().contains("1.5"), "a latency is shown as it was: {}", good.render());
        assert!(!Summary { spread_max: 2, report: report.clone(), labels: vec![] }.is_good());
        report.fail("it broke".to_owned());
        let bad = Summary { report, labels: vec![], spread_max: 1 };
        assert!(!bad.is_good());
        assert!(bad.render().contains("failed: it broke"));
    }
}
