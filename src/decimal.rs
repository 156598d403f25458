//! Numbers as text. In the page the browser writes them: the code for it would be a twentieth of the small runtime.

/// The shortest decimal that reads as this number, as JavaScript's `String` writes it: plain from 1e-6 up to 1e21, beyond with an
/// exponent.
#[cfg(target_arch = "wasm32")]
pub(crate) fn decimal(value: f64) -> String {
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = String)]
        fn text(value: f64) -> String;
    }
    text(value)
}

/// The shortest decimal that reads as this number, as JavaScript's `String` writes it: plain from 1e-6 up to 1e21, beyond with an
/// exponent.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn decimal(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        0.0 => "0".to_owned(),
        _ if (1e-6..1e21).contains(&size) || value.is_nan() => value.to_string(),
        _ => {
            let text = format!("{value:e}");
            if text.contains("e-") { text } else { text.replace('e', "e+") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_does() {
        // Node 20, String(x)
        let cases = [
            (0.1, "0.1"),
            (-0.0, "0"),
            (42_000.0, "42000"),
            (1e21, "1e+21"),
            (123456789012345680000.0, "123456789012345680000"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (-3.4e39, "-3.4e+39"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
        ];
        for (value, wanted) in cases {
            assert_eq!(decimal(value), wanted);
        }
    }
}
