"""The command ``motionlaw``: its verbs and their options, nothing more.

Each verb's function stands beside the code it runs and is imported when chosen, so that ``motionlaw --help`` is quick.
Results go to stdout, progress to stderr; exit 0 is done, 1 ran but found nothing that holds, 2 is bad input.
"""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

import motionlaw
from motionlaw.ending import hear_interrupts, run
from motionlaw.tools.errors import UserError

app = typer.Typer(
    name="motionlaw",
    help="Watches motion and finds the law behind it: from a video or a table to an equation with error bars.",
    epilog="Results go to stdout, progress to stderr. Exit 0: done, 1: nothing found that holds, 2: bad input.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Scale = Annotated[str | None, typer.Option(help="A length in the picture, e.g. 120px=0.5m; pixels if not given.")]
Origin = Annotated[str | None, typer.Option(help="Where x and y are 0, as pixels x,y from the top left.")]
Tilt = Annotated[float, typer.Option(help="Degrees by which the camera was turned, counter-clockwise.")]
TrackAt = Annotated[
    list[str] | None,
    typer.Option("--track", help="auto, or a click x,y@t or a box x1,y1,x2,y2@t (pixels, seconds); repeatable."),
]
ModelName = Annotated[
    str, typer.Option(
        "--model",
        help="embedded (reads questions that the rules do not know; the instruments answer), none, the folder of a "
        "checkpoint, or a server: http://localhost:8000/v1.",
    )
]
Start = Annotated[float | None, typer.Option(help="Use nothing before this time, seconds.")]
End = Annotated[float | None, typer.Option(help="Use nothing after this time, seconds.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"motionlaw {motionlaw.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[str, typer.Option(help="Folder for the video, the table and the report.")] = "motionlaw-demo",
    json: Json = False,
) -> None:
    """Film a made pendulum, track it, find its law and g, and answer a question about it.

    Needs no network and no GPU. The film is rendered, so the true g is known and printed beside the one found.
    """
    from motionlaw.agent.ask import ask_about_demo
    from motionlaw.agent.hypothesise import proposer
    from motionlaw.tools.demo import demo_command

    propose = proposer("embedded", samples=8, prior=0.0, seed=0, timeout_s=60.0)
    raise typer.Exit(demo_command(out, ask=ask_about_demo, propose=propose, json=json))


@app.command()
def discover(
    paths: Annotated[list[str], typer.Argument(help="A video, or one or more tables of one law.", metavar="PATH")],
    scale: Scale = None,
    origin: Origin = None,
    tilt: Tilt = 0.0,
    track: TrackAt = None,
    start: Start = None,
    end: End = None,
    fps: Annotated[float | None, typer.Option(help="Rows a second, for tables without a time column.")] = None,
    time: Annotated[str | None, typer.Option(help="The time column of a table.")] = None,
    columns: Annotated[str | None, typer.Option(help="The columns of a table to use, e.g. x,v,a.")] = None,
    order: Annotated[Literal["1", "2", "auto"], typer.Option(help="Order of the law in time.")] = "auto",
    target: Annotated[str | None, typer.Option(help="Find an algebraic law for this column instead.")] = None,
    model: Annotated[
        str, typer.Option(help="Proposes laws: embedded (small, on board), none, a checkpoint's folder, or a server.")
    ] = "embedded",
    samples: Annotated[int, typer.Option(help="Laws that the model is asked for.")] = 8,
    prior: Annotated[float, typer.Option(help="Weight of a law's log-probability under the model in its score.")] = 0.0,
    sr: Annotated[str, typer.Option(help="Engines, with commas: search, operon, sindy, pysr.")] = "search",
    time_limit: Annotated[float, typer.Option(help="Seconds for the search; the best law so far comes back.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Same input, seed and version: same answer.")] = 0,
    report: Annotated[str | None, typer.Option(help="Write a self-contained HTML page here.")] = None,
    export: Annotated[
        Literal["sympy", "latex", "python", "torch"] | None, typer.Option(help="Print the law in this form.")
    ] = None,
    json: Json = False,
) -> None:
    """Find the law behind a motion, from a video or from tables."""
    from motionlaw.tools.discover import discover_command

    propose = None
    # The small model helps the search for laws of motion of second order: for others it is not asked.
    is_known = target is None and order != "1" and "search" in sr.split(",")
    if model != "none" and (is_known or model != "embedded"):
        from motionlaw.agent.hypothesise import proposer

        propose = proposer(model, samples=samples, prior=prior, seed=seed, timeout_s=time_limit)
    status = discover_command(
        paths,
        scale=scale,
        origin=origin,
        tilt=tilt,
        track=track or [],
        start=start,
        end=end,
        fps=fps,
        time=time,
        columns=columns,
        order=order,
        target=target,
        propose=propose,
        sr=sr,
        time_limit=time_limit,
        seed=seed,
        report=report,
        export=export,
        json=json,
    )
    raise typer.Exit(status)


@app.command()
def batch(
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders, patterns, parquet datasets, or - for a list.", metavar="PATH")
    ],
    out: Annotated[str, typer.Option(help="The table of laws to write: .parquet.")] = "laws.parquet",
    workers: Annotated[int | None, typer.Option(help="Processes side by side; default: one a processor.")] = None,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="Where the work is done.")] = "local",
    address: Annotated[str | None, typer.Option(help="A running Ray cluster, e.g. auto or ray://head:10001.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a batch that was stopped.")] = False,
    metadata: Annotated[
        str | None, typer.Option(help="A table with a column of file names and numbers about each run.")
    ] = None,
    metadata_columns: Annotated[
        str | None, typer.Option(help="The numbers that laws across runs may use, e.g. mass_kg,length_m.")
    ] = None,
    report: Annotated[str | None, typer.Option(help="Write a self-contained HTML page here.")] = None,
    scale: Scale = None,
    origin: Origin = None,
    tilt: Tilt = 0.0,
    start: Start = None,
    end: End = None,
    fps: Annotated[float | None, typer.Option(help="Rows a second, for tables without a time column.")] = None,
    time: Annotated[str | None, typer.Option(help="The time column of a table.")] = None,
    columns: Annotated[str | None, typer.Option(help="The columns of a table to use, e.g. x,v,a.")] = None,
    order: Annotated[Literal["1", "2", "auto"], typer.Option(help="Order of the laws in time.")] = "auto",
    model: Annotated[str, typer.Option(help="A server that proposes laws beside the search, or none.")] = "none",
    samples: Annotated[int, typer.Option(help="Laws that the model is asked for, for each recording.")] = 8,
    sr: Annotated[str, typer.Option(help="Engines, with commas: search, operon, sindy, pysr.")] = "search",
    time_limit: Annotated[float, typer.Option(help="Seconds for each search.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Same inputs, seed and version: same laws, for any number of workers.")] = 0,
    json: Json = False,
) -> None:
    """Find the laws of many recordings, and how they differ from run to run.

    One row for each recording, those without a law among them with the reason. A batch that is stopped or killed goes
    on with --resume.
    """
    from motionlaw.tools.batch.command import batch_command

    propose = None
    if model != "none":
        from motionlaw.agent.hypothesise import server_proposer

        propose = server_proposer(model, samples=samples, prior=0.0, seed=seed, timeout_s=time_limit)
    status = batch_command(
        paths,
        out=out,
        workers=workers,
        engine=engine,
        address=address,
        resume=resume,
        metadata=metadata,
        metadata_columns=metadata_columns,
        report=report,
        search={"order": order, "sr": tuple(sr.split(",")), "time_limit": time_limit, "seed": seed},
        reading={"scale": scale, "origin": origin, "tilt": tilt, "start": start, "end": end, "fps": fps, "time": time,
                 "columns": columns},
        propose=propose,
        model=model if model == "none" else f"{model}, {samples} samples",
        as_json=json,
    )  # fmt: skip
    raise typer.Exit(status)


@app.command()
def track(
    video: Annotated[str, typer.Argument(help="The video.", metavar="VIDEO")],
    out: Annotated[str | None, typer.Option(help="Write the positions here: .csv, .parquet or .json.")] = None,
    overlay: Annotated[str | None, typer.Option(help="Write the video with the tracks drawn in here: .mp4.")] = None,
    scale: Scale = None,
    origin: Origin = None,
    tilt: Tilt = 0.0,
    track: TrackAt = None,
    objects: Annotated[int | None, typer.Option(help="How many objects at the most.")] = None,
    start: Start = None,
    end: End = None,
    crop: Annotated[str | None, typer.Option(help="Look only into x1,y1,x2,y2 (pixels).")] = None,
    backend: Annotated[
        Literal["classical", "cotracker3", "sam2"], typer.Option(help="The tracker; learned ones need --checkpoint.")
    ] = "classical",
    checkpoint: Annotated[str | None, typer.Option(help="Folder or file of a learned tracker's weights.")] = None,
    json: Json = False,
) -> None:
    """Follow what moves in a video: positions with confidence, gaps and true times."""
    from motionlaw.tools.tracking.command import track_command

    status = track_command(
        video,
        out=out,
        overlay=overlay,
        scale=scale,
        origin=origin,
        tilt=tilt,
        track=track or ["auto"],
        objects=objects,
        start=start,
        end=end,
        crop=crop,
        backend=backend,
        checkpoint=checkpoint,
        as_json=json,
    )
    raise typer.Exit(status)


@app.command()
def camera(
    video: Annotated[str, typer.Argument(help="The video.", metavar="VIDEO")],
    json: Json = False,
) -> None:
    """Say what the camera does: pan, tilt, roll, zoom, dolly, truck, pedestal, static, shake, over time.

    Turning is told from travelling by parallax, so something near must be in sight. Also prints CameraBench's labels.
    """
    from motionlaw.tools.camera_command import camera_command

    raise typer.Exit(camera_command(video, as_json=json))


@app.command()
def chat(
    video: Annotated[str | None, typer.Argument(help="A video or a table to talk about.", metavar="[VIDEO]")] = None,
    model: ModelName = "embedded",
    scale: Scale = None,
    resume: Annotated[str | None, typer.Option(help="Go on with a session: last, its name, or its log.")] = None,
    replay: Annotated[str | None, typer.Option(help="Show the log of a session or a run again.")] = None,
    json: Json = False,
) -> None:
    """Talk about a motion: ask, see what is measured, ask on.

    Sessions are saved as they go, in $MOTIONLAW_HOME/sessions (else ~/.motionlaw/sessions). /help lists commands.
    """
    from motionlaw.agent.chat import chat_command

    raise typer.Exit(chat_command(video, model=model, scale=scale, resume=resume, replay=replay, json=json))


@app.command()
def ask(
    video: Annotated[str, typer.Argument(help="The video.", metavar="VIDEO")],
    question: Annotated[str, typer.Argument(help="The question, in English.", metavar="QUESTION")],
    options: Annotated[
        list[str] | None, typer.Option(help="An answer to choose from, e.g. 'A) left'; repeat for each.")
    ] = None,
    scale: Scale = None,
    evidence: Annotated[str | None, typer.Option(help="Write frames with the evidence marked: .png or .jpg.")] = None,
    model: ModelName = "embedded",
    json: Json = False,
) -> None:
    """Answer a question about a motion, with the evidence marked in the video.

    You can ask for direction, speed, which is faster, how many, when, what first, period, size, kind of motion, place,
    camera. What is not understood or cannot be measured is said to be so, with exit 1.
    """
    from motionlaw.agent.ask import ask_command

    status = ask_command(
        video,
        question,
        options=options or [],
        scale=scale,
        evidence=evidence,
        model=model,
        as_json=json,
    )
    raise typer.Exit(status)


@app.command()
def mcp(
    folder: Annotated[str, typer.Argument(help="Folder of videos and tables.", metavar="FOLDER")] = ".",
    scale: Scale = None,
) -> None:
    """Serve the instruments to any MCP client, over stdin and stdout.

    Clients can read the files of FOLDER and nothing else. Needs the extra [mcp].
    """
    from motionlaw.agent.mcp import serve

    raise typer.Exit(serve(folder, scale=scale))


@app.command("eval")
def evaluate(
    benchmark: Annotated[
        Literal[
            "oscillators", "odebench", "strogatz", "llmsr", "empirical", "feynman", "physsymbol-laws",
            "worlds-qa", "real-qa", "camera", "mot-text", "motionbench", "favor", "tomato", "vsi", "quantiphy", "vstar",
            "mvp", "intphys2", "camerabench", "foundationmotion", "chains",
        ],
        typer.Argument(help="Which benchmark.", metavar="BENCHMARK"),
    ],
    data: Annotated[str | None, typer.Option(help="Its folder or one that holds it; default ../shared/data.")] = None,
    noise: Annotated[str | None, typer.Option(help="Noise levels as shares, with commas, e.g. 0,0.01,0.05.")] = None,
    noise_on: Annotated[
        Literal["target", "position"] | None, typer.Option(help="Noise on the target, or on positions alone.")
    ] = None,
    fraction: Annotated[str | None, typer.Option(help="Shares of the rows to keep, e.g. 1.0,0.5.")] = None,
    seeds: Annotated[int, typer.Option(help="Number of seeds, from 0.")] = 1,
    solvers: Annotated[str, typer.Option(help="With commas: search, sindy, operon, gplearn.")] = "search",
    time_limit: Annotated[float, typer.Option(help="Seconds for each case.")] = 10.0,
    cases: Annotated[str | None, typer.Option(help="Only these cases, with commas.")] = None,
    workers: Annotated[int, typer.Option(help="Cases at a time; the answer is the same for any number.")] = 1,
    model: ModelName = "none",
    items: Annotated[int | None, typer.Option(help="Questions: how many at most, or how many to make.")] = None,
    frames: Annotated[int, typer.Option(help="Questions: most frames of a video that a model is shown.")] = 16,
    views: Annotated[
        str, typer.Option(help="Questions: what a model is shown, with commas.")
    ] = "video,blind,frame,reversed",
    out: Annotated[str | None, typer.Option(help="Folder for log, table and picture; default: a new one.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder, or the newest.")] = False,
    json: Json = False,
) -> None:
    """Score laws or answers on a benchmark, with error bars.

    Laws (oscillators to physsymbol-laws): the search and its peers; without options the benchmark's own noise levels,
    seed 0, our search alone. Questions about videos (worlds-qa on): the instruments, or --model, beside chance,
    majority, blind, one frame and reversed. Motion chains (chains): held against true tracks, their own boxes, and
    those of the film reversed, mirrored, faster and frozen. Writes a log and a table.
    """
    from motionlaw.eval.command import eval_command

    if benchmark not in ("oscillators", "odebench", "strogatz", "llmsr", "empirical", "feynman", "physsymbol-laws"):
        from motionlaw.eval.qa.run import QASettings, qa_command

        if any((noise, noise_on, fraction, cases)) or solvers != "search" or seeds != 1 or workers != 1:
            raise UserError(
                f"{benchmark} asks questions: --noise, --noise-on, --fraction, --seeds, --solvers, --cases and "
                "--workers are for benchmarks of laws. Leave them out."
            )
        if benchmark == "chains":
            from motionlaw.eval.chains import MADE, ChainSettings, chains_command

            told = ChainSettings(model=model, items=MADE if items is None else items, frames=frames)
            raise typer.Exit(chains_command(told, out=out, resume=resume, as_json=json))
        shown = tuple(word.strip() for word in views.split(",") if word.strip())
        asked = QASettings(benchmark, model=model, data=data, items=items, frames=frames, views=shown)
        raise typer.Exit(qa_command(asked, out=out, resume=resume, as_json=json))

    status = eval_command(
        benchmark,
        data=data,
        noise=noise,
        noise_on=noise_on,
        fraction=fraction,
        seeds=seeds,
        solvers=solvers,
        time_limit=time_limit,
        cases=cases,
        workers=workers,
        out=out,
        resume=resume,
        as_json=json,
    )
    raise typer.Exit(status)


@app.command()
def build(
    name: Annotated[
        str,
        typer.Argument(
            help="Which data set: physsymbol, worlds, mcot, questions, traces, camera, autolabel.", metavar="NAME"
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder for it, new or empty.")],
    n: Annotated[int | None, typer.Option(help="Number of sources (motions, scenes); default: all of --from.")] = None,
    videos: Annotated[
        list[str] | None, typer.Option("--from", help="A video, or a folder of them, as a source; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, settings and version: same bytes.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes; the bytes are the same for any number.")] = 1,
    set: Annotated[list[str] | None, typer.Option(help="A setting of this data set, NAME=VALUE; repeatable.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the build in that folder.")] = False,
    json: Json = False,
) -> None:
    """Build a data set with known answers: parquet for `datasets`, with a card and a manifest."""
    from motionlaw.data_builders.build import build_command

    status = build_command(
        name,
        n=n,
        videos=videos or [],
        seed=seed,
        settings=set or [],
        out=out,
        workers=workers,
        resume=resume,
        as_json=json,
    )
    raise typer.Exit(status)


@app.command()
def overlap(
    folders: Annotated[list[str], typer.Argument(help="Data sets of motionlaw build.", metavar="DIR")],
) -> None:
    """Check that data sets share no question, and no source between training and test."""
    from motionlaw.data_builders.splits import overlap_command

    raise typer.Exit(overlap_command(folders))


@app.command()
def serve(
    model: ModelName = "embedded",
    host: Annotated[str, typer.Option(help="Where to listen; beyond this machine a token is asked for.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8080,
    upload_mb: Annotated[int, typer.Option(help="Largest file that may be brought, MB.")] = 200,
    scale: Scale = None,
    vllm: Annotated[str | None, typer.Option(help="The Python whose vLLM serves a folder; default: this.")] = None,
) -> None:
    """Serve the page: drop a video, see its tracks, ask, and watch the instruments work.

    A checkpoint's folder gets a vLLM of its own that ends with the page. Also an OpenAI-compatible endpoint of the
    agent itself, /v1/chat/completions. Prints its address.
    """
    from motionlaw.agent.serve.command import serve_command

    raise typer.Exit(serve_command(model=model, host=host, port=port, upload_mb=upload_mb, scale=scale, vllm=vllm))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(
    context: typer.Context,
    stage: Annotated[
        Literal["init", "vision", "sft", "grpo", "measure", "pack"],
        typer.Argument(help="What to do; its options follow, --config FILE.yaml among them.", metavar="STAGE"),
    ],
) -> None:
    """Train a vision-language model: start one, teach it to look, tune it, let it practise, measure and pack it.

    Stages are init, vision, sft, grpo, measure, pack. `motionlaw train STAGE -h` lists a stage's options. It needs
    [train].
    """
    from motionlaw.training.command import train_command

    raise typer.Exit(train_command(stage, context.args))


def main() -> None:
    """Runs the command; the sentence of a `UserError` is all that a user sees of it."""
    hear_interrupts()
    sys.exit(run(app))
