"""What the oracle takes the text to mean, where offers and jobs get difficult: one small case each."""

from datetime import date, timedelta
from pathlib import Path

from simulation.landing import LandingWriter
from support.afternoon import at, oracle_records, write_afternoon, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import (
    Landed,
    Silver,
    ledger_known_at,
    provider_activity_15m,
    records_from_landing,
    zone_demand_15m,
)

FINALLY = at("00:00", date(2026, 3, 13))
ACCEPTED = """
| event     | t     | offer | provider | promise | actor |
|-----------|-------|-------|----------|---------|-------|
| requested | 12:00 |       |          |         |       |
| offered   | 12:01 | o1    | P1       |         |       |
| accepted  | 12:02 | o1    | P1       | 12:45   |       |
"""
WEEKS = {
    10: "| event | t | offer | provider |\n| requested | 12:00 | | |\n| offered | 12:01 | o1 | P1 |",
    15: "| event | t | offer | provider |\n| declined | 12:00 | o1 | P1 |\n| offered | 12:01 | o2 | P2 |",
    21: "| event | t | offer | provider |\n| declined | 12:00 | o2 | P2 |",
}
"""Of one job, by day of March."""


def silver_of(table: str) -> Silver:
    return Silver(oracle_records(dispatch_objects(table)))


def test_answers_without_an_offer_id_go_to_the_latest_offer_of_the_provider() -> None:
    table = """
    | event      | t     | provider | actor |
    |------------|-------|----------|-------|
    | requested  | 12:00 |          |       |
    | offered    | 12:01 | P1       |       |
    | no_contact | 12:02 | P1       |       |
    | offered    | 12:03 | P2       |       |
    | offered    | 12:04 | P1       |       |
    | accepted   | 12:05 | P1       |       |
    | cancelled  | 12:06 |          |       |
    """
    state = silver_of(table).at(FINALLY)
    outcomes = {offer_id: each.outcome for offer_id, each in state.offers.items()}
    assert outcomes == {"J1:J1-02": "no_contact", "J1:J1-04": "withdrawn", "J1:J1-05": "accepted"}
    assert state.assignments["J1:J1-05"].end_reason == "member_cancelled"


def test_refused_eta_keeps_the_acceptance_and_frees_the_job() -> None:
    table = ACCEPTED + "| eta_rejected | 12:03 | | P1 | | |"
    silver = silver_of(table)
    offer = silver.at(FINALLY).offers["o1"]
    assert offer.outcome == "eta_rejected"
    assert offer.accepted_at == offer.responded_at == at("12:02")
    assert silver.at(FINALLY).jobs["J1"].waits == [(at("12:00"), at("12:02")), (at("12:03"), None)]
    assert provider_activity_15m(silver, "P1", at("12:15"))["offer_accept_ratio_4h"] == 1.0


def test_given_back_job_waits_again_until_it_is_accepted() -> None:
    later = """
    | unassigned | 12:20 |    | P1 | | provider |
    | offered    | 12:31 | o2 | P2 | |          |
    | accepted   | 12:33 | o2 | P2 | |          |
    """
    silver = silver_of(ACCEPTED + later)
    counts = [
        zone_demand_15m(silver, zone_ids()["Z1"], at(tick))["open_unassigned_count"]
        for tick in ("12:15", "12:30", "12:45")
    ]
    assert counts == [0, 1, 0]


def test_channel_is_derived_from_the_speed_of_the_answer() -> None:
    table = """
    | event     | t     | offer | provider | channel |
    |-----------|-------|-------|----------|---------|
    | requested | 12:00 |       |          |         |
    | offered   | 12:01 | fast  | P1       |         |
    | declined  | 12:16 | fast  | P1       |         |
    | offered   | 12:01 | slow  | P2       |         |
    | declined  | 12:17 | slow  | P2       |         |
    | offered   | 12:01 | given | P3       | phone   |
    | declined  | 12:02 | given | P3       |         |
    """
    offers = silver_of(table).at(FINALLY).offers
    assert {name: each.dispatch_channel for name, each in offers.items()} == {
        "fast": "digital",
        "slow": "phone",
        "given": "phone",
    }


def test_only_promises_moved_later_are_extensions() -> None:
    later = """
    | eta_updated | 12:10 | | P1 | 13:00 | |
    | eta_updated | 12:20 | | P1 | 12:50 | |
    | eta_updated | 12:30 | | P1 | 13:10 | |
    """
    assignment = silver_of(ACCEPTED + later).at(FINALLY).assignments["o1"]
    assert assignment.first_promised_arrival_at == at("12:45")
    assert assignment.promised_arrival_at == at("13:10")
    assert assignment.promise_extension_count == 2


def test_late_record_enters_nothing_and_the_last_in_time_does() -> None:
    table = """
    | job  | event     | t     | landed              |
    |------|-----------|-------|---------------------|
    | in   | requested | 12:00 | 2026-03-18T11:59:59 |
    | late | requested | 12:00 | 2026-03-18T12:00:00 |
    """
    silver = silver_of(table)
    assert list(silver.at(at("00:00", date(2026, 3, 20))).jobs) == ["in"]


def test_straggler_belongs_to_the_first_tick_not_yet_closed() -> None:
    assert ledger_known_at(at("17:02"), None) == at("17:15")
    assert ledger_known_at(at("17:02"), at("17:00")) == at("17:15")
    assert ledger_known_at(at("17:02"), at("18:00")) == at("18:15")
    assert ledger_known_at(at("17:15"), at("17:15")) == at("17:30")


def test_landing_read_back_gives_the_afternoon(tmp_path: Path) -> None:
    write_afternoon(tmp_path, start=at("16:00"), end=at("17:00"))
    read = records_from_landing(tmp_path)
    assert sorted(read, key=key_and_line) == sorted(oracle_records(), key=key_and_line)


def test_malformed_lines_are_left_out_and_the_rest_of_the_object_is_kept(tmp_path: Path) -> None:
    landed_at, source = at("12:10"), "dispatch_events"
    (record,) = dispatch_objects("| event | t |\n| requested | 12:00 |")[0].records
    ahead = {**record, "event_timestamp": landed_at + timedelta(minutes=61)}
    keyless = {name: value for name, value in record.items() if name != "event_id"}
    writer = LandingWriter(tmp_path)
    writer.write(source, landed_at, "dirty", [record, ahead, keyless, {**record, "event_id": 7}])
    key = writer.write(source, landed_at, "cut", [{**record, "event_id": f"e{n}"} for n in range(500)])
    whole = (tmp_path / key).read_bytes()
    (tmp_path / key).write_bytes(whole[: len(whole) // 2])
    writer.write_bytes(source, landed_at, "empty", b"", "json.gz")
    read = [
        (each.source_object.rsplit("-", 1)[-1], each.source_line) for each in records_from_landing(tmp_path)
    ]
    assert [line for name, line in read if name.startswith("dirty")] == [1]
    assert 0 < sum(name.startswith("cut") for name, _ in read) < 500
    assert not any(name.startswith("empty") for name, _ in read)


def key_and_line(record: Landed) -> tuple[str, int]:
    return record.source_object, record.source_line


def test_what_was_said_of_a_job_more_than_ten_days_before_its_last_word_is_forgotten() -> None:
    """The offer that the last word does not speak of stays where it was made; the job has no place left."""
    told = {day: dispatch_objects(table, date(2026, 3, day)) for day, table in WEEKS.items()}
    silver = Silver(oracle_records([each for objects in told.values() for each in objects]))
    before, after = (silver.at(at("00:00", date(2026, 3, day))) for day in (20, 22))
    job, areas = before.jobs["J1"], [each.area_id for each in before.offers.values()]
    assert (job.requested_at, areas) == (at("12:00"), [zone_ids()["A1"]] * 2)
    job, areas = after.jobs["J1"], [each.area_id for each in after.offers.values()]
    assert (job.requested_at, job.area_id, areas) == (None, None, [zone_ids()["A1"], None])
