from agent.events import Answer, AnswerDelta, Progress, ToolFinished, ToolStarted, Usage
from viewer.translate import Transcript, as_markdown, link_regions, progress_words, step_title

ARGS = {"query": "epidermis", "fraction": None}


def turn(*events) -> Transcript:
    transcript = Transcript("v1")
    transcript.question("where?")
    for event in events:
        transcript.add(event, {"r1", "r12"})
    return transcript


def test_a_call_becomes_a_step_that_folds_when_it_is_done():
    started = ToolStarted("a", "highlight_region", ARGS)
    step = turn(started).messages[-1]
    assert step["metadata"] == {"title": "`Highlight region: epidermis`", "status": "pending"}
    transcript = turn(started, ToolFinished("a", "highlight_region", ARGS, "Two regions."))
    assert len(transcript.messages) == 2
    assert transcript.messages[-1]["content"] == "Two regions."
    assert transcript.messages[-1]["metadata"]["status"] == "done"


def test_progress_shows_in_the_step_at_work_and_alone_does_no_harm():
    started = ToolStarted("a", "infer_expression", {})
    step = turn(started, Progress("embed tiles", 30, 120)).messages[-1]
    assert "embed tiles" in step["content"]
    assert "30 of 120" in step["content"]
    assert len(turn(Progress("embed tiles", 1, 2)).messages) == 1


def test_answers_stream_into_one_message_after_the_steps():
    finished = ToolFinished("a", "top_genes", {}, "KRT5")
    transcript = turn(
        finished, AnswerDelta("The genes "), AnswerDelta("are"), Answer("The genes are KRT5 in r1.", ("more",))
    )
    assert [message["role"] for message in transcript.messages] == ["user", "assistant", "assistant"]
    answer = "The genes are KRT5 in [r1](#r1).\n\n[![Tissue of r1](sw/visits/v1/regions/r1.jpg)](#r1)"
    assert transcript.messages[-1] == {"role": "assistant", "content": answer}
    assert transcript.suggestions == ("more",)


def test_words_before_a_call_stay_above_it():
    transcript = turn(AnswerDelta("Let me look."), ToolStarted("a", "list_slides", {}), Answer("There are two."))
    assert [message["content"] for message in transcript.messages] == ["where?", "Let me look.", "", "There are two."]


def test_a_tool_that_could_not_says_so():
    step = turn(ToolFinished("a", "show_gene", {"genes": "XYZ"}, "Not predicted.", failed=True)).messages[-1]
    assert step["metadata"]["log"] == "not possible"


def test_closing_leaves_no_spinner():
    transcript = turn(ToolStarted("a", "infer_expression", {}))
    transcript.close("Stopped.")
    assert all(message.get("metadata", {}).get("status") != "pending" for message in transcript.messages)
    assert transcript.messages[-1]["content"] == "Stopped."


def test_a_turn_that_ends_early_offers_what_was_offered_before():
    transcript = Transcript()
    transcript.suggestions = ("one",)
    transcript.question("first")
    assert transcript.suggestions == ()
    transcript.close("Stopped.")
    assert transcript.suggestions == ("one",)


def test_only_known_regions_become_links():
    text = "r1, `r12` and r3; not tr1x, [r1](#r1) or KR1"
    assert link_regions(text, {"r1", "r12"}) == "[r1](#r1), [r12](#r12) and r3; not tr1x, [r1](#r1) or KR1"


def test_titles_are_short_and_cannot_break_out_of_code_type():
    title = step_title("rank_spots", {"query": "a`b" + "x" * 100, "top_k": 5, "minus": None})
    assert title.count("`") == 2
    assert len(title) < 110
    assert title.endswith("top_k 5`")
    assert step_title("show_gene", {"genes": ["KRT5", "VIM"], "region": ""}) == "`Show gene: KRT5, VIM`"


def test_a_step_shows_the_maps_that_it_made():
    artifacts = [{"kind": "layer", "layer": "l3"}, {"kind": "regions", "regions": ["r1"]}]
    step = turn(ToolFinished("a", "rank_spots", {}, "Done.", artifacts)).messages[-1]
    assert step["content"] == "Done.\n\n![Map l3](sw/visits/v1/layers/l3.png)"


def test_cutting_a_transcript_leaves_what_was_before():
    transcript = turn(Answer("There."))
    transcript.question("and then?")
    assert transcript.title == "where?"
    assert transcript.cut(2) == 1
    assert [message["content"] for message in transcript.messages] == ["where?", "There."]


def test_progress_without_a_total_is_just_its_stage():
    assert progress_words(Progress("load models", 0, 0)) == "load models"
    assert progress_words(Progress("load models", 0, 1)) == "load models"
    assert "▱" not in progress_words(Progress("x", 9, 3))


def test_a_list_ends_where_its_lines_end():
    words = "Two:\n- r1: big\n- r2: small\nMean 4.\nClear.\n\n| a |\n|---|"
    assert as_markdown(words, ()) == "Two:\n- r1: big\n- r2: small\n\nMean 4.\nClear.\n\n| a |\n|---|"


def test_files_are_named_and_offered_but_their_folders_are_not_told():
    artifact = {
        "kind": "file",
        "path": "/home/ada l/ws/exports/a b.csv",
        "name": "a b.csv",
        "format": "csv",
        "bytes": 5,
    }
    words = "Wrote it. File: /home/ada l/ws/exports/a b.csv (1 kB)."
    transcript = turn(ToolFinished("a", "export_result", {}, words, [artifact]), Answer(words))
    assert not any("/home" in message["content"] for message in transcript.messages)
    assert "[Download a b.csv](sw/visits/v1/files/a%20b.csv)" in transcript.messages[-1]["content"]


def test_places_that_a_search_found_lead_there():
    hit = {"slide": "other one", "spot": "1x2", "x": 10.4, "y": 20.0, "score": 0.5}
    artifact = {"kind": "hits", "query": "fat", "rows": [hit], "slides": []}
    transcript = turn(ToolFinished("a", "search_slides", {}, "One.", [artifact]), Answer("One place."))
    shown = transcript.messages[-1]["content"]
    assert "(sw/slides/other%20one/crop.jpg?x=10&y=20&um=220)" in shown
    assert "(#at/other%20one/10/20)" in shown


def test_what_a_turn_cost_is_said_where_a_server_was_asked():
    assert "1,200 tokens read, 30 written" in turn(Answer("Yes.", (), Usage(1200, 30))).messages[-1]["content"]
