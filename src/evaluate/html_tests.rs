use super::*;
use crate::canvas::Canvas;
use crate::evaluate::reference::{self, answers};
use crate::evaluate::{Partition, evaluate};
use crate::features::Value;

fn report() -> EvaluationReport {
    let (scores, labels, groups) = reference::rows();
    let canvas = Canvas { name: "loans".into(), ..Canvas::default() };
    let values = ["<script>alert(1)</script>", "b\"", "c & d"].map(String::from).to_vec();
    let partition = Partition { name: "purpose".into(), values, of: groups.into_iter().map(Some).collect() };
    let mut rows = reference::held_out(&labels);
    (rows.slices, rows.features) = (vec![partition.clone()], vec![partition]);
    evaluate(&canvas, &answers(&canvas, &scores), &rows).unwrap()
}

#[test]
fn every_text_from_outside_is_text() {
    let record = Record::from([("note".to_owned(), Value::from("<img src=x onerror=alert(2)>"))]);
    let page = Page { candidate: "<b>plain</b>", records: &[record], ..Page::default() };
    let html = html(&report(), &page);
    for unwanted in ["<script", "<img", "<b>", "onerror=alert(2)>", "http:", "https:"] {
        assert!(!html.contains(unwanted), "{unwanted}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && html.contains("c &amp; d"));
}

/// Each element that is opened is closed, in the right order.
#[test]
fn the_page_is_whole() {
    let html = html(&report(), &Page::default());
    let mut open: Vec<&str> = Vec::new();
    for part in html.split('<').skip(1) {
        let tag = part.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match tag {
            _ if ["!doctype", "meta"].contains(&name) || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{tag}"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for wanted in ["prefers-color-scheme:dark", "width=device-width", "Reliability", "ROC curve", "roc_auc</td>"] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert!(!html.contains("NaN") && html.matches("<svg").count() == 2, "two charts without a front");
}
