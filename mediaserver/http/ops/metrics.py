"""GET /metrics: numbers for Prometheus, for administrators. No label names a person, an address or a file.

Rooms count for themselves, in plain numbers; here they are read when somebody asks, and put into Prometheus's form.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mediaserver import __version__
from mediaserver.accounts.permits import Viewer
from mediaserver.core.events import EventBus, SignInFailed
from mediaserver.core.shelf import Shelf
from mediaserver.core.supervisor import Supervisor
from mediaserver.core.timings import Timings
from mediaserver.core.workers import Workers
from mediaserver.http.base.auth import pattern_of
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.problems import CLIENT_GONE
from mediaserver.streaming.segments import Segments
from mediaserver.views.administration import Administration
from mediaserver.views.browsing import Browsing, Counts
from mediaserver.views.levels import Measuring
from mediaserver.views.live import Live
from mediaserver.views.quality import Quality

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PREFIX = "mediaserver_"


@dataclass(frozen=True, slots=True)
class Sources:
    """Who counts what."""

    supervisor: Supervisor
    workers: Workers
    segments: Segments
    caches: Mapping[str, Shelf]
    database: Mapping[str, Timings]
    live: Live
    administration: Administration
    measuring: Measuring
    quality: Quality
    connections: Callable[[], int]
    """How many are open."""


class Requests:
    """How often each route was asked, by method and status, and how long the answers took."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, int]] = Counter()
        self.timings: dict[tuple[str, str], Timings] = {}

    def middleware(self) -> Middleware:
        """Stands outermost."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            began, status, is_timed = perf_counter(), CLIENT_GONE, True
            try:
                answer = await handler(request)
                # What goes on for hours says nothing of how quick the server is.
                status, is_timed = answer.status, answer.content_type != "text/event-stream" and answer.status != 101
                return answer
            except web.HTTPException as error:
                status = error.status
                raise
            finally:
                route = pattern_of(request) or "none"
                method = request.method if request.method in _METHODS else "other"
                self.counts[route, method, status] += 1
                if is_timed:
                    timings = self.timings.get((route, method))
                    if timings is None:
                        timings = self.timings[route, method] = Timings()
                    timings.add(perf_counter() - began)

        return count


class House(Collector):
    """All of it, as it stands when asked."""

    def __init__(self, sources: Sources, requests: Requests, events: EventBus) -> None:
        self.counts = Counts(0, 0, 0)
        self._sources = sources
        self._requests = requests
        self._sign_in_failures = 0
        events.subscribe(SignInFailed, self._failed, name="metrics")

    async def _failed(self, event: SignInFailed) -> None:
        self._sign_in_failures += 1

    def collect(self) -> Iterator[Metric]:
        yield from self._http()
        yield from self._sound()
        yield from self._listening()
        yield from self._library()
        yield from self._machinery()

    def _http(self) -> Iterator[Metric]:
        counts = [((route, method, str(status)), n) for (route, method, status), n in self._requests.counts.items()]
        yield _counter("http_requests", "Requests, by the route's pattern", counts, ("route", "method", "status"))
        timings = self._requests.timings
        yield _histogram("http_request_seconds", "From headers to answer", timings.items(), ("route", "method"))
        yield _gauge("http_connections", "Open connections", self._sources.connections())
        yield _gauge("event_streams", "Open streams of live events", len(self._sources.live.streams))
        yield _counter("sign_in_failures", "Wrong names or passwords", [((), self._sign_in_failures)])

    def _sound(self) -> Iterator[Metric]:
        segments = self._sources.segments
        outcomes = [(("made",), segments.encodes), (("cached",), segments.hits), (("failed",), segments.failures)]
        yield _counter("segments", "Segments of sound, by where they came from", outcomes, ("outcome",))
        yield _histogram("segment_encode_seconds", "Making a segment", [((), segments.timings)])
        caches = self._sources.caches
        sizes = {(name,): one.size_bytes for name, one in caches.items()}
        limits = {(name,): one.limit_bytes for name, one in caches.items()}
        yield _gauges("cache_bytes", "What a cache holds", sizes.items(), ("cache",))
        yield _gauges("cache_limit_bytes", "What a cache may hold", limits.items(), ("cache",))

    def _listening(self) -> Iterator[Metric]:
        counts = self._sources.quality.counts
        yield _counter("plays", "Plays, as players report them", [((), counts.plays)])
        failed = [((error,), n) for error, n in counts.failed.items()]
        yield _counter("plays_failed", "Plays that ended in an error", failed, ("error",))
        yield _counter("listened_seconds", "Sound that was heard", [((), counts.listened_ms / 1000)])
        yield _counter("stalls", "Stops in the midst, for want of sound", [((), counts.stalls)])
        yield _counter("stalled_seconds", "What they took", [((), counts.stalled_ms / 1000)])
        yield _counter("quality_switches", "Changes of quality while a track played", [((), counts.switches)])
        yield _counter("reports_dropped", "Reports that players had to forget", [((), counts.dropped)])
        yield _histogram("first_sound_seconds", "From the press to the sound", [((), counts.first_sound)])

    def _library(self) -> Iterator[Metric]:
        status = self._sources.administration.scan_now()
        yield _gauge("scan_running", "1 while a scan runs", int(status.state != "idle"))
        files = {
            ("seen",): status.files_seen,
            ("read",): status.files_read,
            ("to_read",): status.files_to_read,
            ("problem",): status.problems,
        }
        yield _gauges("scan_files", "Of the scan that runs, or the last one", files.items(), ("state",))
        progress = self._sources.measuring.progress()
        sounds = {("measured",): progress.measured, ("failed",): progress.failed, ("known",): progress.total}
        yield _gauges("loudness_sounds", "Sounds whose loudness is measured", sounds.items(), ("state",))
        yield _gauge("tracks", "Tracks that are there", self.counts.tracks)
        yield _gauge("albums", "Albums with a track that is there", self.counts.albums)
        yield _gauge("artists", "Artists", self.counts.artists)

    def _machinery(self) -> Iterator[Metric]:
        workers, jobs = self._sources.workers, self._sources.supervisor.jobs.values()
        pools = workers.pools()
        alive = {(name,): pool.alive for name, pool in pools.items()}
        tasks = {(name,): pool.tasks for name, pool in pools.items()}
        yield _gauges("workers_alive", "Worker processes", alive.items(), ("pool",))
        yield _gauges("workers_tasks", "Tasks being done or waiting for a worker", tasks.items(), ("pool",))
        yield _counter("workers_killed", "Workers that died or were ended at their time limit", [((), workers.killed)])
        restarts = [((job.name,), job.restarts) for job in jobs]
        yield _counter("job_restarts", "Jobs begun again after a failure", restarts, ("job",))
        failing = {(job.name,): int(job.last_error is not None) for job in jobs}
        yield _gauges("job_failing", "1 where a job's last run failed", failing.items(), ("job",))
        database = {(kind,): timings for kind, timings in self._sources.database.items()}
        yield _histogram("database_seconds", "Questions and transactions", database.items(), ("kind",))
        told = {"version": __version__, "python": platform.python_version(), "machine": platform.machine()}
        yield InfoMetricFamily(f"{_PREFIX}build", "What runs here", value=told)


def routes(sources: Sources, requests: Requests, browsing: Browsing, events: EventBus) -> list[Endpoint]:
    """A registry of its own: nothing here is global."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    house = House(sources, requests, events)
    registry.register(house)
    door = Door("Metrics", "Numbers for operators.")

    @door("GET /metrics", content=["text/plain", "application/openmetrics-text"], is_admins=True)
    async def metrics(request: web.Request, viewer: Viewer) -> web.Response:
        """Numbers for Prometheus, in its text format or as OpenMetrics, as `Accept` says."""
        house.counts = await browsing.counts(viewer)
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        return web.Response(body=encode(registry), headers=headers)

    return door.endpoints


def _counter(
    name: str, words: str, values: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()
) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, words, labels=labels)
    for names, value in values:
        family.add_metric(names, value)
    return family


def _gauge(name: str, words: str, value: float) -> Metric:
    return _gauges(name, words, [((), value)], ())


def _gauges(name: str, words: str, values: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, words, labels=labels)
    for names, value in values:
        family.add_metric(names, value)
    return family


def _histogram(
    name: str, words: str, values: Iterable[tuple[tuple[str, ...], Timings]], labels: tuple[str, ...] = ()
) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, words, labels=labels)
    for names, timings in values:
        family.add_metric(names, buckets=timings.cumulated(), sum_value=timings.sum_s)
    return family
