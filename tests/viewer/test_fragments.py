from viewer import fragments


def test_chips_ask_what_they_say_and_escape_it():
    html = fragments.chips(['Where is "<b>"?'])
    assert "<b>" not in html
    assert html.count("data-ask=") == 1
    assert 'type="button"' in html
