import signal
import threading

import pytest

from segue.tune.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_loop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    said: list[str] = []
    interruption = Interruption()
    with interruption.listening(said.append):
        assert not interruption.stop_all()
        signal.raise_signal(number)
        assert interruption.stop_all()
        assert interruption.by == number
        assert signal.getsignal(number) is before
    assert said == ["Stopping. The running trials can be resumed later."]
    assert signal.getsignal(number) is before


def test_the_second_signal_does_what_it_would_have_done() -> None:
    # A shell that runs the tests in the background has them ignore SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt), interruption.listening(lambda said: None):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_a_single_trial_is_never_stopped() -> None:
    interruption = Interruption()
    interruption.by = signal.SIGINT
    assert not interruption("tune-0", {})


def test_other_threads_listen_in_vain() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run() -> None:
        with Interruption().listening(lambda said: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
