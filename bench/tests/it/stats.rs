use otari_bench::stats::{Samples, median};

#[test]
fn percentiles_are_the_nearest_rank() {
    let mut samples = Samples::default();
    for nanos in (1..=100_u64).rev() {
        samples.push(nanos * 1000);
    }
    let sorted = samples.sorted();
    let shown = [1.0, 50.0, 99.0, 99.9, 100.0].map(|percent| sorted.percentile_us(percent));
    assert_eq!(
        shown.map(|us| us.to_string()),
        ["1", "50", "99", "100", "100"]
    );
    assert_eq!(
        Samples::default().sorted().percentile_us(50.0).to_string(),
        "0"
    );
}

#[test]
fn a_median_is_the_middle_or_the_mean_of_both_middles() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
}
