//! Pages over plain numbers.

use super::*;

fn rows(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = (Place, u64)> {
    numbers.into_iter().map(|number| (Place::made(number), number))
}

fn numbers(page: &Page<u64>) -> Vec<u64> {
    page.rows.iter().map(|(_, number)| *number).collect()
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap_in_both_directions() {
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let window = Window { first: Some(3), after: after.take(), ..Window::default() };
        let page = page(rows((1..=10).rev()), Order::BY_ID, &window).unwrap();
        assert_eq!(page.total, 10);
        seen.extend(numbers(&page));
        if !page.has_next {
            break;
        }
        after = page.rows.last().map(|(cursor, _)| cursor.clone());
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());

    let last = Window { last: Some(4), ..Window::default() };
    let end = page(rows(1..=10), Order::BY_ID, &last).unwrap();
    assert_eq!((numbers(&end), end.has_previous, end.has_next), (vec![7, 8, 9, 10], true, false));
    let before = Some(end.rows[0].0.clone());
    let window = Window { last: Some(4), before, ..Window::default() };
    let middle = page(rows(1..=10), Order::BY_ID, &window).unwrap();
    assert_eq!(
        (numbers(&middle), middle.has_previous, middle.has_next),
        (vec![3, 4, 5, 6], true, true)
    );
}

#[test]
fn a_page_has_at_most_a_hundred_rows_and_may_have_none() {
    let big = Window { first: Some(5000), ..Window::default() };
    assert_eq!(page(rows(0..150), Order::BY_ID, &big).unwrap().rows.len(), 100);
    assert_eq!(page(rows(0..150), Order::BY_ID, &Window::default()).unwrap().rows.len(), 100);
    let none = Window { first: Some(0), ..Window::default() };
    let page = page(rows(0..150), Order::BY_ID, &none).unwrap();
    assert_eq!((page.rows.len(), page.has_next, page.total), (0, true, 150));
}

#[test]
fn a_cursor_of_another_order_or_none_at_all_is_refused() {
    let window = Window { first: Some(1), ..Window::default() };
    let cursor = page(rows(0..9), Order::BY_ID, &window).unwrap().rows[0].0.clone();
    let by_time = Order { by: By::UpdatedAt, descending: false };
    for after in [cursor, "nonsense".to_owned(), "A".repeat(5000)] {
        let window = Window { after: Some(after), ..Window::default() };
        assert!(page(rows(0..9), by_time, &window).is_err());
    }
    let negative = Window { first: Some(-1), ..Window::default() };
    assert!(page(rows(0..9), Order::BY_ID, &negative).is_err());
}
