"""The workloads of this library beside other systems, run in turns on one machine.

    cargo build --release -p jit-benches --bin workloads
    python benches/compare.py --anchors path/to/anchors.py --systems jax,numba,onnxruntime --rounds 2 --svg out.svg

Each round runs this library's binary and then the other systems' script, each pinned to the same CPUs; the least CPU
time of all rounds counts. It fails if a system's checksum differs. Needs Python alone; the other systems' script needs
what it measures.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command, cpus, path):
    pin = ["taskset", "-c", f"0-{cpus - 1}"]
    subprocess.run(pin + command + ["--json", path], check=True, stdout=subprocess.DEVNULL)
    with open(path) as f:
        return json.load(f)["results"]


def merge(into, results):
    for workload, systems in results.items():
        for system, figures in systems.items():
            if "cpu_min_s" not in figures:
                continue
            old = into.setdefault(workload, {}).setdefault(system, dict(figures))
            for key in ("first_s", "min_s", "median_s", "cpu_min_s"):
                old[key] = min(old[key], figures[key])


def check(results):
    for workload, systems in results.items():
        ours = systems.get("jit")
        for system, figures in systems.items():
            if ours and abs(figures["sum"] - ours["sum"]) > 2e-4 * max(ours["abs_sum"], 1.0):
                sys.exit(f"{workload}: {system} gives another result: {figures['sum']} instead of {ours['sum']}")


def others(systems):
    return {s: f for s, f in systems.items() if not s.startswith("jit") and s not in ("plain_rust", "faer")}


def table(results):
    names = sorted({s for systems in results.values() for s in others(systems)})
    print("| workload | jit us | " + " | ".join(names) + " | best of others |")
    print("|---|---:|" + "---:|" * (len(names) + 1))
    ratios = []
    for workload, systems in results.items():
        if "jit" not in systems or not others(systems):
            continue
        ours = systems["jit"]["cpu_min_s"]
        ratio = lambda s: systems[s]["cpu_min_s"] / ours if s in systems else None
        best = min(others(systems), key=lambda s: systems[s]["cpu_min_s"])
        ratios.append((workload, ratio(best), best))
        cells = ["" if ratio(s) is None else f"{ratio(s):.2f}" for s in names]
        print(f"| {workload} | {ours * 1e6:.1f} | " + " | ".join(cells) + f" | {ratio(best):.2f} ({best}) |")
    mean = math.exp(sum(math.log(r) for _, r, _ in ratios) / len(ratios))
    print(f"\nTimes of the best of the others over ours, geometric mean: {mean:.2f}")
    return ratios


def plot(ratios, path):
    row, left, width = 22, 190, 420
    scale = lambda r: left + width * (math.log2(min(max(r, 1 / 16), 16)) + 4) / 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 150}" height="{row * (len(ratios) + 2)}" '
        'font-family="sans-serif" font-size="12">'
    ]
    for k in range(-4, 5):
        x = scale(2.0**k)
        label = f"{2**k}" if k >= 0 else f"1/{2**-k}"
        parts.append(f'<line x1="{x}" y1="{row}" x2="{x}" y2="{row * (len(ratios) + 1)}" stroke="#ccc"/>')
        parts.append(f'<text x="{x}" y="{row * 0.7}" text-anchor="middle">{label}</text>')
    for i, (workload, ratio, best) in enumerate(ratios):
        y, one, here = row * (i + 1) + 4, scale(1), scale(ratio)
        colour = "#2a7" if ratio >= 1 else "#c63"
        parts.append(f'<text x="{left - 8}" y="{y + 11}" text-anchor="end">{workload}</text>')
        parts.append(
            f'<rect x="{min(one, here)}" y="{y}" width="{abs(here - one)}" height="{row - 8}" fill="{colour}"/>'
        )
        parts.append(f'<text x="{left + width + 8}" y="{y + 11}">{ratio:.2f} ({best})</text>')
    parts.append("</svg>")
    with open(path, "w") as f:
        f.write("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", required=True, help="the script that measures the other systems")
    parser.add_argument("--systems", default="jax_tuned,numba,onnxruntime")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", help="where the joined figures go")
    parser.add_argument("--svg", help="where the plot goes")
    options = parser.parse_args()
    binary = os.path.join(HERE, "..", "target", "release", "workloads")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        threads = ["--threads", str(options.threads), "--rounds", "1"]
        for _ in range(options.rounds):
            # Alone, as the others are: what else runs would take its place in the caches.
            ours = [binary, *threads, "--systems", "jit"]
            merge(results, run(ours, options.threads, os.path.join(folder, "ours.json")))
            command = [sys.executable, options.anchors, "--systems", options.systems, *threads]
            merge(results, run(command, options.threads, os.path.join(folder, "others.json")))
    check(results)
    ratios = table(results)
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"threads": options.threads, "results": results}, f, indent=1)
    if options.svg:
        plot(ratios, options.svg)


if __name__ == "__main__":
    main()
