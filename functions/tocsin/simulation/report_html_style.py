"""How the page of a backtest looks, by day and by night."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfaf7; --line: #d9d5cb; --bar: #b5482f; --night: #38456b;
  --warn: #fdf0d9; --soft: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e3dc; --paper: #15181d; --line: #333a45; --bar: #e07a5f;
  --night: #7d8fc7; --warn: #3a2f18; --soft: #9aa3b2; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0; font-size: 1.6rem; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 2px solid var(--line); }
h3 { margin: 1.8rem 0 .4rem; font-size: 1rem; }
ul.figures { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; list-style: none; }
ul.figures li { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem; color: var(--soft); }
ul.figures b { display: block; font-size: 1.5rem; color: var(--ink); font-variant-numeric: tabular-nums; }
ul.warn { background: var(--warn); border-radius: .5rem; padding: .6rem .6rem .6rem 2rem; }
.chart { display: flex; align-items: flex-end; gap: 2px; }
.bar { flex: 1; min-width: 0; max-width: 4rem; display: flex; flex-direction: column; justify-content: flex-end;
  align-items: center; font-size: .7rem; color: var(--soft); }
.bar i { width: 100%; background: var(--bar); border-radius: 2px 2px 0 0; } .bar.night i { background: var(--night); }
.bar em { font-style: normal; } .bar.night em { font-weight: bold; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
details { margin: 1.5rem 0; } summary { cursor: pointer; font-weight: 600; }
.note { color: var(--soft); font-size: .85rem; }
"""
