//! What strategies and transactions need of the REST dialect: the same tests on SQLite, on PostgreSQL
//! with leases in Redis, and on PostgreSQL alone.

#[path = "../support/mod.rs"]
mod support;

mod apply;
mod batches;
mod client;
mod commits;
mod described;
mod feed;
mod leases;
mod openapi;
mod parked;
mod processes;
mod replays;
mod sequences;

/// A test for each function, on one kind of database.
macro_rules! on {
    ($name:ident, $kind:ident; $($module:ident: $($test:ident),+;)+) => {
        mod $name { $(mod $module {
            use crate::support::databases::{Kind, Place};
            $(#[test] fn $test() { crate::$module::$test(&Place::new(Kind::$kind)); })+
        })+ }
    };
}

macro_rules! on_each_database {
    ($($tests:tt)+) => {
        on! { on_sqlite, Sqlite; $($tests)+ }
        on! { on_postgres_and_redis, PostgresAndRedis; $($tests)+ }
        on! { on_postgres, Postgres; $($tests)+ }
    };
}

macro_rules! on_postgres_only {
    ($($tests:tt)+) => {
        on! { of_postgres_and_redis, PostgresAndRedis; $($tests)+ }
        on! { of_postgres, Postgres; $($tests)+ }
    };
}

on_postgres_only! {
    processes: one_of_many_writers_wins, commits_over_two_processes_are_whole,
        numbers_and_tokens_and_unique_values_are_shared, a_lease_goes_from_process_to_process,
        a_killed_process_blocks_nobody, feeds_agree, a_row_that_another_holds_is_busy,
        a_lost_connection_to_the_database_is_made_anew;
}

on_each_database! {
    commits: all_or_nothing, a_stale_commit_names_what_is_stale, refusals_have_a_code_each,
        crossing_commits_are_never_partial, the_sum_of_wallets_never_changes;
    replays: a_token_is_done_once, a_token_sent_at_once_by_many_is_done_once, a_refused_token_may_be_used_again;
    sequences: a_hundred_at_once_are_gapless, a_thousand_at_once_are_gapless, a_token_gets_its_block_again,
        twenty_phone_numbers_are_twenty_customers, unique_values_are_kept_over_updates_and_deletion;
    leases: a_lease_is_one_holders, fences_rise_for_ever, a_late_write_is_refused_by_the_fence,
        a_lost_holder_blocks_no_longer_than_its_lease, the_queue_is_first_come_first_served, the_queue_is_bounded,
        a_killed_waiter_is_passed_over, a_refused_holder_keeps_its_place, a_commit_carries_fences;
    batches: several_leases_are_all_or_none, a_commit_gives_leases_back_in_its_transaction,
        who_is_refused_holds_none, a_lease_only_where_others_are, a_final_refusal_stays_so, who_waits_for_several_has_its_turn, nobody_is_passed_for_ever,
        many_tills_need_two_requests_a_transfer;
    parked: a_stale_save_is_answered_in_its_turn, at_most_fourteen_are_parked, a_parked_lease_is_for_one_save,
        many_tills_on_one_document;
    apply: every_edit_is_there_once, what_others_did_comes_along, what_a_person_must_decide_is_asked,
        ended_and_unknown_documents_are_told_apart, a_submit_is_for_the_total_that_was_seen,
        a_step_with_its_token_is_counted_once, a_lease_keeps_edits_out_too, old_bases_are_given_up;
    feed: changes_are_told_in_order, the_token_of_the_write_comes_along, a_feed_goes_on_where_it_broke_off, documents_come_along_if_wanted;
    openapi: every_answer_is_described;
}
