//! Sorting by one small function for all lists: the standard library's sorts are made anew, and
//! large, for every kind of element.

/// Sorts a list; equal elements keep their order. Quick for what is sorted already.
pub fn sort_by<T>(list: &mut Vec<T>, is_less: impl Fn(&T, &T) -> bool) {
    if list.windows(2).all(|pair| !is_less(&pair[1], &pair[0])) {
        return;
    }
    let order = order(list.len(), &|a, b| is_less(&list[a], &list[b]));
    let mut taken: Vec<Option<T>> = list.drain(..).map(Some).collect();
    list.extend(order.into_iter().filter_map(|at| taken[at].take()));
}

/// The positions of `count` elements in their order: a merge sort from the bottom up.
fn order(count: usize, is_less: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut from: Vec<usize> = (0..count).collect();
    let mut into = from.clone();
    let mut width = 1;
    while width < count {
        let mut start = 0;
        while start < count {
            let (middle, end) = ((start + width).min(count), (start + 2 * width).min(count));
            let (mut left, mut right) = (start, middle);
            for slot in &mut into[start..end] {
                let takes_left =
                    left < middle && (right >= end || !is_less(from[right], from[left]));
                let side = if takes_left { &mut left } else { &mut right };
                *slot = from[*side];
                *side += 1;
            }
            start = end;
        }
        std::mem::swap(&mut from, &mut into);
        width *= 2;
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_out_sorted_and_equal_elements_in_their_order() {
        for length in 0..40_u32 {
            let mut list: Vec<(u32, u32)> = (0..length).map(|n| ((n * 7919) % 11, n)).collect();
            let mut wanted = list.clone();
            wanted.sort_by_key(|pair| pair.0);
            sort_by(&mut list, |a, b| a.0 < b.0);
            assert_eq!(list, wanted);
        }
    }
}
