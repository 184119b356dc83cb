//! Pages of lists. A page token is the key of the last item shown, so that items that come and go move nothing.

use lockstep_proto::{convert, limits, status};
use std::str::FromStr;
use tonic::Status;

/// One page of items that are all that follow a token.
pub(super) fn page<Item, Message>(
    following: impl Iterator<Item = Item>,
    page_size: u32,
    key: impl Fn(&Item) -> String,
    show: impl Fn(Item) -> Message,
) -> (Vec<Message>, String) {
    let size = limits::page_size(page_size);
    let mut items: Vec<Item> = following.take(size + 1).collect();
    let is_last = items.len() <= size;
    items.truncate(size);
    let token = items.last().filter(|_| !is_last).map(&key).unwrap_or_default();
    (items.into_iter().map(show).collect(), token)
}

/// The key in a page token; `None` for the first page.
pub(super) fn after<Key: FromStr>(token: &str) -> Result<Option<Key>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let wrong = |_| status::invalid(&convert::Error::new("page_token", "is not one that this list gave out"));
    token.parse().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: u32, size: u32, after: Option<u32>, wanted: &[u32], token: &str) {
        let following = (1..=count).filter(|item| after.is_none_or(|after| *item > after));
        let found = page(following, size, u32::to_string, |item| item);
        assert_eq!((&found.0[..], &found.1[..]), (wanted, token), "{count} items, page of {size} after {after:?}");
    }

    #[test]
    fn pages_end_where_the_items_end() {
        check(0, 2, None, &[], "");
        check(2, 2, None, &[1, 2], "");
        check(5, 2, None, &[1, 2], "2");
        check(5, 2, Some(2), &[3, 4], "4");
        check(5, 2, Some(4), &[5], "");
    }

    #[test]
    fn a_foreign_token_is_refused() {
        assert!(after::<u64>("x").is_err());
        assert_eq!(after::<u64>("7").unwrap(), Some(7));
        assert_eq!(after::<u64>("").unwrap(), None);
    }
}
