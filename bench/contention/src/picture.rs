//! Requests per save and time to commit over the number of tills, as SVG.

use std::fmt::Write;

use crate::cell::Cell;

const COLOURS: [&str; 7] =
    ["#0a7d38", "#c0392b", "#2471a3", "#7d3c98", "#b9770e", "#5d6d7e", "#17202a"];
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 48.0;

/// Two charts side by side, both axes logarithmic.
pub fn draw(series: &[(&str, &[Cell])]) -> String {
    let height = HEIGHT + 80.0 + 16.0 * series.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1000 {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"1000\" height=\"{height}\" fill=\"white\"/>\n"
    );
    chart(&mut out, 0.0, "requests per save", series, (1.0, 1_000.0), Cell::requests);
    let seconds = |cell: &Cell| cell.percentile_ms(99) / 1_000.0;
    chart(&mut out, 500.0, "p99 to commit, s", series, (0.1, 1_000.0), seconds);
    for (at, (name, _)) in series.iter().enumerate() {
        let (colour, y) = (COLOURS[at % 7], HEIGHT + 84.0 + 16.0 * at as f64);
        let _ = writeln!(
            out,
            "<rect x=\"{LEFT}\" y=\"{}\" width=\"18\" height=\"3\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{y}\">{}</text>",
            y - 5.0,
            LEFT + 26.0,
            name.replace("**", "")
        );
    }
    out + "</svg>\n"
}

fn chart(
    out: &mut String,
    left: f64,
    title: &str,
    series: &[(&str, &[Cell])],
    (low, high): (f64, f64),
    figure: impl Fn(&Cell) -> f64,
) {
    let x = |tills: usize| left + LEFT + WIDTH * (tills as f64).log10() / 500f64.log10();
    let part = |value: f64| (value.clamp(low, high) / low).log10() / (high / low).log10();
    let y = |value: f64| 30.0 + HEIGHT * (1.0 - part(value));
    let _ =
        writeln!(out, "<text x=\"{}\" y=\"18\" font-weight=\"bold\">{title}</text>", left + LEFT);
    let mut line = low;
    while line <= high {
        let (from, to, at) = (x(1), x(500), y(line));
        let _ = writeln!(
            out,
            "<path d=\"M{from} {at}H{to}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{line}</text>",
            from - 6.0,
            at + 4.0
        );
        line *= 10.0;
    }
    for tills in [1, 5, 20, 100, 500] {
        let (at, below) = (x(tills), HEIGHT + 48.0);
        let _ =
            writeln!(out, "<text x=\"{at}\" y=\"{below}\" text-anchor=\"middle\">{tills}</text>");
    }
    for (at, (_, cells)) in series.iter().enumerate() {
        let points: Vec<String> = cells
            .iter()
            .map(|cell| format!("{:.1},{:.1}", x(cell.setup.tills), y(figure(cell))))
            .collect();
        let (colour, width) = (COLOURS[at % 7], if at == 0 { 3 } else { 1 });
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            points.join(" ")
        );
    }
}
