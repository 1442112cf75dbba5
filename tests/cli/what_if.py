"""A configuration for commands that ask what would be: two teams, an inhibit rule, a quiet week end, an escalation."""

from __future__ import annotations

ALERTMANAGER = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 2h
  routes:
    - matchers: ['severity="critical"']
      receiver: oncall
      continue: true
    - matchers: ['severity="info"']
      receiver: silent
    - matchers: ['team="shop"']
      receiver: shop
      mute_time_intervals: [weekend]
inhibit_rules:
  - source_matchers: ['alertname="Down"']
    target_matchers: ['severity="warning"']
    equal: [instance]
time_intervals:
  - name: weekend
    time_intervals:
      - weekdays: [saturday, sunday]
receivers:
  - name: team
    slack_configs: [{api_url_file: "secret:slack#team", send_resolved: true}]
  - name: oncall
    slack_configs: [{api_url_file: "secret:slack#oncall", send_resolved: true}]
  - name: boss
    email_configs: [{to: boss@example.com, from: tocsin@example.com}]
  - name: shop
    slack_configs: [{api_url_file: "secret:slack#shop"}]
  - name: silent
"""
TOCSIN = """
cooldown: 20m
escalation:
  policies:
    - name: default
      matchers: ['severity="critical"']
      steps:
        - {after: 10m, receivers: [boss]}
"""
RULES = """
groups:
  - name: ours
    rules:
      - alert: Down
        expr: up == 0
        for: 2m
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is down"}
      - alert: Hot
        expr: temperature > 80
        labels: {severity: warning}
"""
FILES = {"alertmanager.yml": ALERTMANAGER, "tocsin.yml": TOCSIN, "rules/ours.yml": RULES}
