"""How many cores the networks of this process take."""


def limit_threads(threads: int) -> None:
    """Let torch and the linear algebra under numpy use this many threads; for processes that share one machine."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)
