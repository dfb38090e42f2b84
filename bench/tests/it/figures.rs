use otari_bench::figures::{DIRECT, Figure, Figures, NGINX, OTARI};

#[test]
fn a_cell_is_a_median_and_the_ratio_compares_otari_with_nginx() {
    let mut figures = Figures::default();
    figures.note(DIRECT, Figure::Saturation, 50_000.0);
    for value in [10.0, 30.0, 20.0] {
        figures.note(NGINX, Figure::CpuSaturated, value);
    }
    figures.note(OTARI, Figure::CpuSaturated, 30.0);
    let table = figures.table();
    let row = |label: &str| {
        let line = table.lines().find(|line| line.contains(label)).unwrap();
        line.split('|')
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .skip(1)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        row("CPU per call, saturated"),
        ["-", "20.0", "30.0", "1.50"]
    );
    assert_eq!(row("calls/s, 32"), ["50000", "-", "-", "-"]);
    let widths: Vec<_> = table.lines().map(|line| line.chars().count()).collect();
    assert!(
        widths.iter().all(|width| Some(width) == widths.first()),
        "{table}"
    );
}
