"""matching_ranking_v1 by the oracle: the afternoon row for row (S13), rounds and labels by small cases."""

from collections import Counter
from datetime import timedelta

import pytest

from support.afternoon import AFTERNOON, at, expected, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import RankingDataset, Silver, matching_ranking_v1, rule_recall
from support.oracle_rounds import Round, rounds_decided_on, rounds_of

DAY = timedelta(days=1)
CLOSE = at("07:00", AFTERNOON + 2 * DAY)
ROWS = expected("matching_ranking_v1")
RECALL = expected("matching_ranking_v1_recall")
WATERFALL = expected("matching_ranking_v1_waterfall")
P9_SAYS_YES_TOO = """
| job | event    | t        | offer | provider |
|-----|----------|----------|-------|----------|
| J7  | offered  | 18:57    | J7#2  | P9       |
| J7  | accepted | 18:57:30 | J7#2  | P9       |
"""
# Without a history nobody has territory, so that all candidates are the offered; P0 never says yes.
HEAD = """
| event     | t     | offer | provider | promise | actor | rank | score | propensity |
|-----------|-------|-------|----------|---------|-------|------|-------|------------|
| requested | 11:59 |       |          |         |       |      |       |            |
| offered   | 12:00 | o0    | P0       |         |       | 1    | 0.75  | 0.9        |
| declined  | 12:01 | o0    | P0       |         |       |      |       |            |
"""
YES = "| offered | 12:02 | o1 | P1 | | | | | |\n| accepted | 12:03 | o1 | P1 | {} | | | | |\n"


@pytest.fixture(scope="module")
def built() -> RankingDataset:
    return matching_ranking_v1(Silver(oracle_records()), AFTERNOON)


def silver_of(table: str) -> Silver:
    return Silver(oracle_records(dispatch_objects(table)))


def dataset(table: str) -> RankingDataset:
    return matching_ranking_v1(silver_of(table), AFTERNOON)


def row_of(table: str, provider_id: str = "P1") -> dict:
    (row,) = [each for each in dataset(table).rows if each["provider_id"] == provider_id]
    return row


def rounds(table: str) -> list[Round]:
    state = silver_of(table).at(CLOSE)
    return rounds_of("J1", state.offers.values())


def parted(table: str) -> list[list[str]]:
    return [[offer.offer_id for offer in each.offers] for each in rounds(table)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['job']} {row['round']} {row['provider']}")
def test_row_of_the_afternoon(built: RankingDataset, row: dict) -> None:
    key = (row["job"], row["round"], row["provider"])
    (candidate,) = [
        each for each in built.rows if (each["job_id"], each["meta_round_seq"], each["provider_id"]) == key
    ]
    assert candidate["meta_decision_at"] == row["decision"]
    assert (candidate["meta_decision_date_et"], candidate["meta_weight"]) == (AFTERNOON, 1.0)
    assert candidate["meta_candidate_source"] == row["source"]
    assert (candidate["label_status"], candidate["label_gain"]) == (row["label_status"], row["gain"])
    assert candidate["label_offer_rank"] == row["offer_rank"]
    logged = ("label_logged_rank", "label_logged_score", "label_logged_propensity")
    assert [candidate[name] for name in logged] == [None] * 3  # the afternoon logs no selection


def test_rows_are_in_order_and_no_others(built: RankingDataset) -> None:
    keys = [(each["job_id"], each["meta_round_seq"], each["provider_id"]) for each in built.rows]
    assert keys == [(row["job"], row["round"], row["provider"]) for row in ROWS]
    assert built.waterfall == {row["step"]: row["rows"] for row in WATERFALL}


def test_recall_of_the_rule_by_round(built: RankingDataset) -> None:
    found = [(each.job_id, each.round, each.offered_count, each.inside_count) for each in built.recalls]
    assert found == [(row["job"], row["round"], row["offered"], row["inside"]) for row in RECALL]
    assert rule_recall(built.recalls) == 11 / 12
    assert rule_recall([]) is None


def test_candidates_of_j7_are_what_was_known_and_recall_admits_an_outsider() -> None:  # S13
    records = [*oracle_records(), *oracle_records(dispatch_objects(P9_SAYS_YES_TOO))]
    with_p9 = matching_ranking_v1(Silver(records), AFTERNOON)
    of_j7 = {
        row["provider_id"]: (row["meta_candidate_source"], row["label_status"], row["label_gain"])
        for row in with_p9.rows
        if row["job_id"] == "J7"
    }
    assert of_j7.keys() == {"P1", "P3", "P9"}
    assert of_j7["P1"] == ("rule", "unobserved", None)
    assert of_j7["P9"][0] == "offered_outside_rule"
    (recall,) = [each for each in with_p9.recalls if each.job_id == "J7"]
    assert (recall.inside_count, recall.offered_count) == (1, 1 + 1)  # k / (k + 1)
    assert rule_recall(with_p9.recalls) == 11 / 13


def test_row_states_the_job_as_of_the_rounds_first_offer() -> None:
    table = """
    | event       | t     | offer | provider | channel | service | zone |
    |-------------|-------|-------|----------|---------|---------|------|
    | requested   | 12:00 |       |          |         | tow     | Z1   |
    | offered     | 12:01 | o1    | P1       | phone   |         |      |
    | declined    | 12:02 | o1    | P1       |         |         |      |
    | job_updated | 12:03 |       |          |         | lockout | Z2   |
    | offered     | 12:04 | o2    | P2       | digital |         |      |
    | accepted    | 12:05 | o2    | P2       |         |         |      |
    | unassigned  | 12:10 |       | P2       |         |         |      |
    | offered     | 12:11 | o3    | P1       | digital |         |      |
    | offered     | 12:12 | o4    | P2       | phone   |         |      |
    """
    first, then = dataset(table).rows[:2], dataset(table).rows[2:]
    assert [row["provider_id"] for row in (*first, *then)] == ["P1", "P2", "P1", "P2"]
    assert [row["meta_round_seq"] for row in (*first, *then)] == [1, 1, 2, 2]
    assert {row["service_type"] for row in first} == {"tow"}
    assert {(row["service_type"], row["job_needs_tow"]) for row in then} == {("lockout", False)}
    assert [each["incident_zone_id"] for each in (first[0], then[0])] == [zone_ids()["Z1"], zone_ids()["Z2"]]
    # Also for P2, whom that offer did not ask.
    assert {(row["job_channel"], row["meta_dispatch_channel"]) for row in first} == {("phone", "phone")}
    assert {row["job_channel"] for row in then} == {"digital"}
    assert {row["job_offers_so_far_count"] for row in first} == {0}
    assert {row["job_offers_so_far_count"] for row in then} == {2}
    assert [row["job_minutes_since_this_provider_declined"] for row in then] == [9.0, None]
    assert {row["local_hour_of_week"] for row in (*first, *then)} == {"32"}


def test_give_back_restarts_a_round() -> None:
    table = """
    | event      | t     | offer | provider | actor    |
    |------------|-------|-------|----------|----------|
    | requested  | 12:00 |       |          |          |
    | offered    | 12:01 | o1    | P1       |          |
    | declined   | 12:02 | o1    | P1       |          |
    | offered    | 12:03 | o2    | P2       |          |
    | accepted   | 12:04 | o2    | P2       |          |
    | unassigned | 12:10 |       | P2       | provider |
    | offered    | 12:11 | o3    | P1       |          |
    | offered    | 12:12 | o4    | P2       |          |
    """
    assert parted(table) == [["o1", "o2"], ["o3", "o4"]]
    assert [(each.number, each.decision_at) for each in rounds(table)] == [(1, at("12:01")), (2, at("12:11"))]


def test_refused_eta_restarts_a_round() -> None:
    table = """
    | event        | t     | offer | provider |
    |--------------|-------|-------|----------|
    | requested    | 12:00 |       |          |
    | offered      | 12:01 | o1    | P1       |
    | accepted     | 12:02 | o1    | P1       |
    | eta_rejected | 12:03 | o1    | P1       |
    | offered      | 12:04 | o2    | P1       |
    """
    assert parted(table) == [["o1"], ["o2"]]


@pytest.mark.parametrize(
    ("third", "expected_rounds"),
    [
        ("12:03:59", [["o1", "o2", "o3", "o4"]]),  # asked while the second one thinks
        ("12:04", [["o1", "o2"], ["o3", "o4"]]),
        ("12:10", [["o1", "o2"], ["o3", "o4"]]),
    ],
)
def test_round_starts_with_the_first_offer_from_the_yes_on(third: str, expected_rounds: list) -> None:
    fourth = "12:03:59" if third == "12:03:59" else "12:20"
    table = f"""
    | event     | t        | offer | provider |
    |-----------|----------|-------|----------|
    | requested | 12:00    |       |          |
    | offered   | 12:01    | o1    | P1       |
    | offered   | 12:02    | o2    | P2       |
    | accepted  | 12:04    | o2    | P2       |
    | offered   | {third}  | o3    | P3       |
    | offered   | {fourth} | o4    | P4       |
    """
    assert parted(table) == expected_rounds


def test_two_yeses_before_an_offer_start_one_round() -> None:
    table = """
    | event     | t     | offer | provider |
    |-----------|-------|-------|----------|
    | requested | 12:00 |       |          |
    | offered   | 12:01 | o1    | P1       |
    | offered   | 12:02 | o2    | P2       |
    | accepted  | 12:03 | o1    | P1       |
    | accepted  | 12:04 | o2    | P2       |
    | offered   | 12:05 | o3    | P3       |
    | offered   | 12:06 | o4    | P4       |
    """
    assert parted(table) == [["o1", "o2"], ["o3", "o4"]]


def test_yes_at_the_instant_of_its_own_offer_starts_no_round_with_it() -> None:
    table = """
    | event     | t     | offer | provider |
    |-----------|-------|-------|----------|
    | requested | 12:00 |       |          |
    | offered   | 12:01 | o1    | P1       |
    | offered   | 12:01 | o2    | P2       |
    | accepted  | 12:01 | o2    | P2       |
    | offered   | 12:01 | o3    | P3       |
    """
    assert parted(table) == [["o1", "o2"], ["o3"]]


def test_offers_of_one_instant_are_in_the_order_of_the_job() -> None:
    table = """
    | event     | t     | offer | provider | event_id |
    |-----------|-------|-------|----------|----------|
    | requested | 12:00 |       |          | e0       |
    | offered   | 12:01 | o1    | P1       | e2       |
    | offered   | 12:01 | o2    | P2       | e1       |
    """
    assert parted(table) == [["o2", "o1"]]


def test_round_is_of_the_day_of_its_first_offer_with_all_its_offers() -> None:
    table = """
    | event      | t                | offer | provider |
    |------------|------------------|-------|----------|
    | requested  | 2026-03-11T06:40 |       |          |
    | offered    | 2026-03-11T06:50 | o1    | P1       |
    | declined   | 2026-03-11T06:55 | o1    | P1       |
    | offered    | 2026-03-11T07:05 | o2    | P2       |
    | accepted   | 2026-03-11T07:06 | o2    | P2       |
    | unassigned | 2026-03-11T07:10 |       | P2       |
    | offered    | 2026-03-11T07:20 | o3    | P3       |
    | offered    | 2026-03-11T07:30 | o4    | P1       |
    """
    state = silver_of(table).at(CLOSE)
    (first,), (second,) = (rounds_decided_on(state, AFTERNOON + days * DAY) for days in (0, 1))
    assert (first.number, first.providers) == (1, ["P1", "P2"])
    assert (second.number, second.providers) == (2, ["P3", "P1"])
    rows = dataset(table).rows
    assert [(row["provider_id"], row["label_gain"]) for row in rows] == [("P1", 0), ("P2", 1)]
    assert {row["meta_decision_date_et"] for row in rows} == {AFTERNOON}


def test_scheduled_jobs_and_lonely_candidates_are_left_out() -> None:
    table = """
    | job | event       | t     | offer | provider | scheduled_for    |
    |-----|-------------|-------|-------|----------|------------------|
    | J1  | requested   | 12:00 |       |          | 2026-03-11T12:00 |
    | J1  | offered     | 12:01 | o1    | P1       |                  |
    | J1  | offered     | 12:02 | o2    | P2       |                  |
    | J2  | requested   | 12:00 |       |          |                  |
    | J2  | offered     | 12:01 | o3    | P1       |                  |
    | J2  | offered     | 12:02 | o4    | P1       |                  |
    | J3  | requested   | 12:00 |       |          |                  |
    | J3  | offered     | 12:01 | o5    | P1       |                  |
    | J3  | job_updated | 12:02 |       |          | 2026-03-11T12:00 |
    | J3  | offered     | 12:03 | o6    | P2       |                  |
    """
    made = dataset(table)
    assert made.waterfall == {"candidates": 5, "scheduled": 2, "fewer_than_two": 1, "rows": 2}
    assert Counter(row["job_id"] for row in made.rows) == {"J3": 2}
    # The round with one candidate failed the rule, too; the scheduled one is not asked about.
    assert [(each.job_id, each.inside_count, each.offered_count) for each in made.recalls] == [
        ("J2", 0, 1),
        ("J3", 0, 2),
    ]


@pytest.mark.parametrize(
    ("story", "status", "gain"),
    [
        ("| on_scene | 12:45 | | P1 | | | | | |", "observed", 3),
        ("| on_scene | 12:45:01 | | P1 | | | | | |", "observed", 2),
        (
            "| eta_updated | 12:20 | | P1 | 13:10 | | | | |\n| on_scene | 13:00 | | P1 | | | | | |",
            "observed",
            2,
        ),
        ("| gone_on_arrival | 12:40 | | P1 | | | | | |", "observed", 3),
        ("| unassigned | 12:20 | | P1 | | provider | | | |", "observed", 1),
        ("| unassigned | 12:20 | | P1 | | agent | | | |", "observed", 1),
        ("| eta_rejected | 12:04 | o1 | P1 | | agent | | | |", "observed", 1),
        ("| cancelled | 12:20 | | | | provider | | | |", "observed", 1),
        ("| cancelled | 12:20 | | | | member | | | |", "censored", None),
        ("| completed | 12:50 | | P1 | | | | | |", "missing_milestone", None),
        ("", "censored", None),
    ],
)
def test_gain_of_a_yes(story: str, status: str, gain: int | None) -> None:
    row = row_of(HEAD + YES.format("12:45") + story)
    assert (row["label_status"], row["label_gain"], row["label_offer_rank"]) == (status, gain, 2)


def test_arrival_without_a_promise_is_late() -> None:
    row = row_of(HEAD + YES.format("") + "| on_scene | 12:04 | | P1 | | | | | |")
    assert (row["label_status"], row["label_gain"]) == ("observed", 2)


@pytest.mark.parametrize(
    ("answer", "status", "gain"),
    [
        ("declined", "observed", 0),
        ("offer_expired", "observed", 0),
        ("no_contact", "observed", 0),
        ("offer_withdrawn", "censored", None),
        ("cancelled", "censored", None),
        ("", "censored", None),
    ],
)
def test_gain_without_a_yes(answer: str, status: str, gain: int | None) -> None:
    table = HEAD + "| offered | 12:02 | o1 | P1 | | | | | |\n"
    row = row_of(table + (f"| {answer} | 12:03 | o1 | P1 | | | | | |" if answer else ""))
    assert (row["label_status"], row["label_gain"]) == (status, gain)


def test_asked_twice_in_a_round_the_last_answer_counts_and_the_first_asking_ranks() -> None:
    table = (
        HEAD
        + """
    | offered   | 12:02 | o1 | P1 |  |  | 2 | 0.5  | 0.05 |
    | declined  | 12:03 | o1 | P1 |  |  |   |      |      |
    | offered   | 12:04 | o2 | P2 |  |  | 3 | 0.25 | 0.05 |
    | offered   | 12:05 | o3 | P1 |  |  | 4 | 0.4  | 1.0  |
    | offered   | 12:06 | o4 | P0 |  |  |   |      |      |
    """
    )
    names = ("label_offer_rank", "label_logged_rank", "label_logged_score", "label_logged_propensity")
    rows = {
        provider_id: (row["label_status"], row["label_gain"], *(row[name] for name in names))
        for provider_id in ("P0", "P1", "P2")
        for row in (row_of(table, provider_id),)
    }
    assert rows == {
        "P0": ("observed", 0, 1, 1, 0.75, 0.9),
        "P1": ("observed", 0, 2, 2, 0.5, 0.05),
        "P2": ("censored", None, 3, 3, 0.25, 0.05),
    }
    assert (
        row_of(
            table + "| accepted | 12:07 | o3 | P1 | 12:45 | | | | |\n| on_scene | 12:30 | | P1 | | | | | |"
        )["label_gain"]
        == 3
    )
    assert [(each.offered_count, each.inside_count) for each in dataset(table).recalls] == [(3, 0)]


def test_offer_that_names_nobody_has_its_place_and_no_candidate() -> None:
    table = HEAD + "| offered | 12:02 | o1 | | | | | | |\n| offered | 12:03 | o2 | P2 | | | | | |"
    ranks = {row["provider_id"]: row["label_offer_rank"] for row in dataset(table).rows}
    assert ranks == {"P0": 1, "P2": 3}


def test_ranks_begin_anew_in_every_round() -> None:
    table = HEAD + YES.format("12:45") + "| unassigned | 12:10 | | P1 | | provider | | | |\n"
    table += "| offered | 12:11 | o2 | P2 | | | | | |\n| offered | 12:12 | o3 | P1 | | | | | |\n"
    ranks = {
        (row["meta_round_seq"], row["provider_id"]): (row["label_offer_rank"], row["label_gain"])
        for row in dataset(table).rows
    }
    assert ranks == {(1, "P0"): (1, 0), (1, "P1"): (2, 1), (2, "P2"): (1, None), (2, "P1"): (2, None)}


def test_labels_are_what_was_known_at_three_in_the_morning_two_days_later() -> None:
    table = """
    | event     | t     | offer | provider | promise | landed           |
    |-----------|-------|-------|----------|---------|------------------|
    | requested | 11:59 |       |          |         |                  |
    | offered   | 12:00 | o0    | P0       |         |                  |
    | offered   | 12:02 | o1    | P1       |         |                  |
    | accepted  | 12:03 | o1    | P1       | 12:45   |                  |
    | on_scene  | 12:40 |       | P1       |         | 2026-03-12T{}    |
    """
    in_time, too_late = (row_of(table.format(clock)) for clock in ("06:59", "07:00"))
    assert (in_time["label_gain"], too_late["label_gain"]) == (3, None)
    assert too_late["label_status"] == "censored"
