"""Which row of which reference is covered by which test: the index of the contract.

An error has a test on either side: of the sandbox that answers it, and of the client that must understand it. A row is
told in a few words of ours. `test_rows` holds that every test named here exists and that no row of the tables
in `data/` is missing.
"""

from typing import NamedTuple

CONTRACT = "tests/contract/"
SANDBOX = "tests/component/sandbox/"
CLIENT = "tests/component/linkedin/"


class Row(NamedTuple):
    """`tests` are `file::function`, from the folders above."""

    reference: str
    row: str
    tests: tuple[str, ...]


ERRORS = f"{CONTRACT}test_errors.py::test_an_error_has_the_status_the_code_and_the_words_of_its_row"
PLANNED = f"{CLIENT}test_planning.py::"
EMPTY_TOKEN = f"{PLANNED}test_a_token_that_linkedin_calls_empty_or_expired_is_refused"
NO_PRODUCT = f"{PLANNED}test_an_application_without_the_product_is_told_so"
NO_ROLE = f"{PLANNED}test_an_account_the_member_has_no_role_in_is_refused"
BAD_CRITERIA = f"{PLANNED}test_criteria_that_linkedin_does_not_take_are_invalid_whatever_the_status"
FAILING = f"{PLANNED}test_a_server_that_fails_is_unclear_and_says_so"
LEFT_OUT = f"{PLANNED}test_a_parameter_left_out_is_named"
NOT_THERE = f"{PLANNED}test_templates_that_are_not_there_say_what_they_cannot_be"
INSIGHTS = f"{SANDBOX}test_insights.py::"
WRONG_INSIGHTS = f"{INSIGHTS}test_what_is_wrong_is_refused_with_either_status"
PLANNING = f"{SANDBOX}test_planning.py::"
WRONG_PLAN = f"{PLANNING}test_what_is_wrong_is_refused_with_either_status"
TEMPLATES = f"{SANDBOX}test_templates.py::"
TARGETING = f"{SANDBOX}test_targeting.py::"
UPLOADS = f"{SANDBOX}test_uploads.py::"
LIFE = f"{SANDBOX}test_lifecycle.py::"
SEGMENTS = f"{SANDBOX}test_segments.py::"
STREAMING = f"{SANDBOX}test_streaming.py::"
STATES = f"{CONTRACT}test_segments.py::test_every_transition_of_the_reference_happens_and_no_other"
SAMPLES = f"{CONTRACT}test_samples.py::"
OPENAPI = f"{CONTRACT}test_openapi.py::test_every_answer_keeps_the_document"

ROWS = (
    Row("000", "401 EMPTY_ACCESS_TOKEN", (ERRORS, EMPTY_TOKEN)),
    Row("000", "403 ACCESS_DENIED", (ERRORS, f"{INSIGHTS}test_who_may_ask", NO_PRODUCT)),
    Row("000", "403 USER_NOT_AUTHORIZED", (ERRORS, f"{INSIGHTS}test_who_may_ask", NO_ROLE)),
    Row("000", "422 FAILED_VALIDATION_CONDITION", (ERRORS, WRONG_INSIGHTS, BAD_CRITERIA)),
    Row("000", "500 INTERNAL_SERVER_ERROR", (ERRORS, FAILING)),
    Row(
        "000",
        "sample request and response",
        (f"{SAMPLES}test_the_insights_of_000_and_001_are_answered_in_their_shape",),
    ),
    Row(
        "000", "requestMetaData, either name", (f"{INSIGHTS}test_the_account_may_be_called_either_way", WRONG_INSIGHTS)
    ),
    Row("000", "any role from VIEWER up", (f"{INSIGHTS}test_who_may_ask",)),
    Row("000", "15 groupings", (f"{INSIGHTS}test_each_of_the_fifteen_groupings_gives_groups_the_catalogue_knows",)),
    Row("000", "segmentsOrderedBy", (f"{INSIGHTS}test_ordered_facets_can_be_told_in_their_order", WRONG_INSIGHTS)),
    Row(
        "000",
        "maxReturnCount 5, at most 100",
        (f"{INSIGHTS}test_five_groups_are_told_unless_more_are_asked_for", WRONG_INSIGHTS),
    ),
    Row("000", "a geo and a second facet", (WRONG_INSIGHTS,)),
    Row("000", "a matched audience needs neither", (f"{INSIGHTS}test_a_matched_audience_needs_no_place",)),
    Row("000", "below 300: empty, 0", (f"{INSIGHTS}test_below_300_nothing_is_said",)),
    Row("000", "above 100M: empty, a total", (f"{INSIGHTS}test_above_100_million_only_the_total_is_said",)),
    Row("000", "groups below 30 are left out", (f"{INSIGHTS}test_groups_below_30_are_left_out",)),
    Row(
        "000",
        "titles not with seniorities",
        (WRONG_INSIGHTS, f"{INSIGHTS}test_titles_or_seniorities_in_one_clause_are_fine"),
    ),
    Row("000", "include and exclude", (f"{INSIGHTS}test_a_list_may_be_narrowed_excluded_from_and_joined",)),
    Row("001", "facets example", (f"{SAMPLES}test_the_facets_of_001_are_listed_as_it_prints_them", OPENAPI)),
    Row("001", "facets 401", (f"{CONTRACT}test_rows.py::test_every_operation_of_001_needs_a_token",)),
    Row("001", "entities example", (f"{SAMPLES}test_the_search_of_001_finds_what_it_prints_in_its_order", OPENAPI)),
    Row("001", "entities 400", (f"{TARGETING}test_a_finder_asked_wrongly_says_what_is_wrong",)),
    Row("001", "entities 401", (f"{CONTRACT}test_rows.py::test_every_operation_of_001_needs_a_token",)),
    Row("001", "finders of a facet", (f"{TARGETING}test_a_finder_asked_wrongly_says_what_is_wrong",)),
    Row("001", "paging", (f"{TARGETING}test_all_entities_of_a_facet_come_page_by_page",)),
    Row("001", "insights example", (f"{SAMPLES}test_the_interests_of_finance_in_001_come_in_its_order", OPENAPI)),
    Row("001", "insights 400", (WRONG_INSIGHTS,)),
    Row("001", "insights 401", (f"{CONTRACT}test_rows.py::test_every_operation_of_001_needs_a_token",)),
    Row("001", "insights 403", (f"{INSIGHTS}test_who_may_ask", NO_PRODUCT, NO_ROLE)),
    Row(
        "001",
        "requestMetaData optional",
        (
            f"{INSIGHTS}test_metadata_may_be_left_away_where_001_is_played",
            f"{PLANNED}test_insights_name_their_account_where_it_need_not_be_named",
        ),
    ),
    Row("002", "transitions 1 to 10", (STATES,)),
    Row("002", "an empty segment is READY after 48 h", (f"{LIFE}test_an_empty_segment_is_ready_after_48_hours",)),
    Row(
        "002",
        "a busy stream stays UPDATING",
        (f"{LIFE}test_a_busy_unused_stream_stays_updating_and_leaves_it_only_through_ready",),
    ),
    Row("002", "streaming does not count as use", (f"{LIFE}test_a_stream_wakes_an_archived_unused_segment_for_a_day",)),
    Row(
        "002",
        "ARCHIVED with audience 0 does not become READY",
        (f"{LIFE}test_a_campaign_wakes_an_archived_segment_only_if_it_has_an_audience",),
    ),
    Row(
        "002",
        "statuses in campaigns",
        (f"{CONTRACT}test_segments.py::test_campaigns_take_the_statuses_the_reference_allows",),
    ),
    Row("002", "finders", (f"{SAMPLES}test_the_finders_of_002_are_taken_as_they_are_printed",)),
    Row(
        "002",
        "a campaign with an expired segment is 400",
        (f"{LIFE}test_a_campaign_cannot_use_what_is_expired_or_failed",),
    ),
    Row("002", "EXPIRED is purged", (f"{LIFE}test_an_unused_segment_is_archived_and_then_expires_empty",)),
    Row(
        "002",
        "EXPIRED may be updated again",
        (
            f"{LIFE}test_an_expired_segment_that_is_streamed_to_is_matched_anew",
            f"{LIFE}test_an_expired_segment_refuses_a_stream_when_told_to",
            f"{UPLOADS}test_an_expired_list_segment_comes_back_with_a_new_list_whatever_streams_may",
        ),
    ),
    Row(
        "002",
        "SHA256 and SHA512 in streams, SHA256 in lists",
        (f"{STREAMING}test_a_wrong_element_is_refused_alone", f"{UPLOADS}test_a_list_with_a_flaw_fails_its_segment"),
    ),
    Row(
        "002",
        "a company leaves with the same metadata only",
        (f"{STREAMING}test_a_company_is_removed_only_with_the_same_metadata",),
    ),
    Row("002", "batches", (f"{STREAMING}test_5000_elements_pass_and_one_more_does_not",)),
    Row(
        "002",
        "matched count and audience size",
        (f"{LIFE}test_matching_takes_24_to_48_hours_and_then_counts_are_known",),
    ),
    Row(
        "002",
        "300,000 rows",
        (
            f"{UPLOADS}test_300_001_rows_are_too_many",
            f"{CONTRACT}test_segments.py::test_the_limits_are_those_of_the_reference",
        ),
    ),
    Row(
        "002",
        "names need not be unique",
        (f"{SEGMENTS}test_names_need_not_be_unique_but_a_second_segment_of_one_key_is_noted",),
    ),
    Row("002", "segments can be deleted", (f"{SEGMENTS}test_a_deleted_segment_is_gone",)),
    Row("002", "one list a segment", (f"{UPLOADS}test_a_new_list_replaces_the_old",)),
    Row(
        "002",
        "list segments take no stream",
        (f"{UPLOADS}test_a_stream_segment_takes_no_list_and_a_list_segment_no_stream",),
    ),
    Row(
        "002",
        "rw_ads for lists, rw_dmp_segments for streams",
        (f"{UPLOADS}test_rw_ads_is_enough_for_a_list_segment_and_not_for_a_stream",),
    ),
    Row("002", "500 and 200 a minute", (f"{CONTRACT}test_segments.py::test_the_limits_are_those_of_the_reference",)),
    Row("002", "three bodies of 429", (f"{CONTRACT}test_errors.py::test_the_three_throttles_of_002_have_its_bodies",)),
    Row("002", "opted-out members are no audience", (f"{LIFE}test_match_rate_and_opt_outs_are_those_of_the_options",)),
    Row("003", "400 Parameter 'account' is required", (ERRORS, LEFT_OUT)),
    Row("003", "400 Parameter 'sortField' is required", (ERRORS, LEFT_OUT)),
    Row("003", "404 Cannot find entity to update", (ERRORS, NOT_THERE)),
    Row("003", "404 Key not found: 000", (ERRORS, NOT_THERE)),
    Row("003", "422 account::CreateOnly", (ERRORS, f"{PLANNED}test_the_account_of_a_template_is_set_once")),
    Row(
        "003",
        "create, get, update, delete",
        (f"{SAMPLES}test_the_template_of_003_is_created_read_renamed_and_deleted",),
    ),
    Row("003", "batch delete", (f"{SAMPLES}test_the_batch_delete_of_003_answers_as_it_prints",)),
    Row(
        "003",
        "finder, sortField, sortOrder",
        (
            f"{SAMPLES}test_the_finder_of_003_takes_an_unencoded_urn_and_finds_what_was_saved",
            f"{TEMPLATES}test_the_finder_sorts_by_id_or_name_up_or_down",
        ),
    ),
    Row(
        "003",
        "name 100, description 500, required fields",
        (f"{TEMPLATES}test_a_template_has_bounds", f"{TEMPLATES}test_a_patch_has_bounds"),
    ),
    Row(
        "003",
        "scopes and roles",
        (
            f"{TEMPLATES}test_reading_needs_a_role_and_an_ads_scope_writing_more",
            f"{PLANNED}test_a_viewer_may_look_and_not_write",
            f"{PLANNED}test_a_token_without_the_scope_to_write_may_read_templates_only",
            NO_ROLE,
        ),
    ),
    Row("004", "401 EMPTY_ACCESS_TOKEN", (ERRORS, EMPTY_TOKEN)),
    Row("004", "403 ACCESS_DENIED", (ERRORS, f"{PLANNING}test_who_may_ask", NO_PRODUCT)),
    Row("004", "403 USER_NOT_AUTHORIZED", (ERRORS, f"{PLANNING}test_who_may_ask", NO_ROLE)),
    Row("004", "422 FAILED_VALIDATION_CONDITION", (ERRORS, WRONG_PLAN, BAD_CRITERIA)),
    Row("004", "500 INTERNAL_SERVER_ERROR", (ERRORS, FAILING)),
    Row("004", "sample request and response", (f"{SAMPLES}test_the_forecast_of_004_is_answered_in_its_shape",)),
    Row("004", "any role from VIEWER up", (f"{PLANNING}test_who_may_ask",)),
    Row("004", "USD only", (WRONG_PLAN,)),
    Row(
        "004",
        "objectiveType and optimizationType",
        (f"{PLANNING}test_optimizing_for_something_changes_the_curve_and_defaults_follow_the_objective", WRONG_PLAN),
    ),
    Row(
        "004",
        "budget from 100 USD to the end of the curve",
        (f"{PLANNING}test_ninety_days_and_a_hundred_dollars_are_enough", WRONG_PLAN),
    ),
    Row("004", "an audience of 300", (f"{PLANNING}test_an_audience_below_300_is_not_forecast",)),
    Row("004", "no exclude, a geo", (WRONG_PLAN,)),
    Row(
        "004",
        "dates in the future, 90 days",
        (f"{PLANNING}test_ninety_days_and_a_hundred_dollars_are_enough", WRONG_PLAN),
    ),
    Row(
        "004",
        "network and expansion on by default",
        (f"{PLANNING}test_network_and_expansion_are_on_unless_switched_off",),
    ),
    Row(
        "004",
        "100 points and the asked one",
        (
            f"{PLANNING}test_the_asked_budget_is_the_101st_point_and_stands_apart",
            f"{PLANNING}test_a_curve_has_100_points_and_every_dollar_buys_less_than_the_one_before",
        ),
    ),
    Row(
        "004",
        "reachPercentageCurve without expansion",
        (f"{PLANNING}test_percentages_are_told_only_without_expansion",),
    ),
    Row(
        "004",
        "averageFrequency for a budget",
        (f"{PLANNING}test_frequency_is_impressions_by_reach_and_told_only_for_a_budget",),
    ),
    Row(
        "004",
        "singlePointMetric, bounds",
        (f"{PLANNING}test_the_single_point_may_be_a_list_and_bounds_may_be_missing",),
    ),
)
