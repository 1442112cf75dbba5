"""A block of each integration with every key that it takes."""

from __future__ import annotations

HTTP = "http_config: {proxy_url: 'http://proxy:3128'}"

# All keys of each integration; where keys exclude each other, the others stand in EITHER.
FULL = {
    "slack_configs": f"""
        send_resolved: true
        {HTTP}
        api_url: https://slack.com/api/chat.postMessage
        app_url: https://slack.com/api/chat.postMessage
        channel: '#a'
        username: a
        color: a
        title: a
        title_link: a
        pretext: a
        text: a
        message_text: a
        fields: [{{title: a, value: b, short: true}}]
        short_fields: true
        footer: a
        fallback: a
        callback_id: a
        icon_emoji: a
        icon_url: a
        image_url: a
        thumb_url: a
        link_names: true
        mrkdwn_in: [text]
        actions: [{{type: a, text: b, name: c, value: d, style: e, confirm: {{text: f, title: g, ok_text: h}}}}]
        update_message: true
        post_updates_to_thread: true
        timeout: 1.5s
    """,
    "pagerduty_configs": f"""
        send_resolved: false
        {HTTP}
        service_key_file: secret:pagerduty#service
        routing_key_file: secret:pagerduty#oncall
        url: https://pagerduty.example.com
        client: a
        client_url: a
        description: a
        details: {{a: {{b: [1, true, 1.5, null, '2']}}}}
        images: [{{src: a, alt: b, href: c}}]
        links: [{{href: a, text: b}}]
        source: a
        severity: '{{{{ .CommonLabels.severity }}}}'
        class: a
        component: a
        group: a
        timeout: 10s
    """,
    "email_configs": """
        send_resolved: true
        to: '{{ .CommonLabels.owner }}'
        from: a@example.com
        hello: a
        smarthost: smtp.example.com:587
        auth_username: a
        auth_password_file: secret:mail#password
        auth_secret_file: secret:mail#secret
        auth_identity: a
        headers: {subject: a, X-Team: b}
        html: a
        text: a
        require_tls: false
        tls_config: {server_name: a}
        force_implicit_tls: true
        threading: {enabled: true, thread_by_date: daily}
    """,
    "sns_configs": f"""
        send_resolved: false
        {HTTP}
        api_url: https://sns.example.com
        sigv4: {{region: a, profile: b, role_arn: c, service: sns, use_fips_sts_endpoint: true}}
        topic_arn: topic
        subject: a
        message: a
        attributes: {{a: b}}
        use_aws_http_client: true
    """,
    "webhook_configs": f"""
        send_resolved: false
        {HTTP}
        url: http://127.0.0.1:5001/{{{{ .Receiver }}}}
        max_alerts: 10
        timeout: 10s
        payload: {{text: '{{{{ .Status }}}}', tags: [a, 1], urgent: yes, left: ~}}
    """,
    "discord_configs": f"""
        send_resolved: false
        {HTTP}
        webhook_url_file: secret:discord#ops
        content: a
        title: a
        message: a
        username: a
        avatar_url: a
    """,
    "incidentio_configs": """
        send_resolved: false
        http_config: {proxy_url: 'http://proxy:3128'}
        url: https://api.incident.io/a
        alert_source_token_file: secret:incidentio#token
        max_alerts: 10
        timeout: 10s
    """,
    "jira_configs": f"""
        send_resolved: false
        {HTTP}
        api_url: https://jira.example.com
        api_type: cloud
        project: OPS
        summary: a
        description: {{template: a, enable_update: false}}
        labels: [a, b]
        priority: a
        issue_type: Bug
        reopen_transition: a
        resolve_transition: a
        wont_fix_resolution: a
        reopen_duration: 7d
        fields: {{customfield_1: {{value: a}}}}
    """,
    "mattermost_configs": f"""
        send_resolved: false
        {HTTP}
        webhook_url_file: secret:mattermost#ops
        channel: a
        username: a
        text: a
        fallback: a
        color: a
        pretext: a
        author_name: a
        author_link: a
        author_icon: a
        title: a
        title_link: a
        fields: [{{title: a, value: b, short: true}}]
        thumb_url: a
        footer: a
        footer_icon: a
        image_url: a
        icon_url: a
        icon_emoji: a
        attachments: [{{text: a, fields: [{{title: a, value: b}}]}}]
        type: a
        props: {{card: a}}
        priority: {{priority: urgent, requested_ack: true, persistent_notifications: false}}
    """,
    "msteams_configs": f"""
        send_resolved: false
        {HTTP}
        webhook_url_file: secret:teams#ops
        title: a
        summary: a
        text: a
    """,
    "msteamsv2_configs": f"""
        send_resolved: false
        {HTTP}
        webhook_url_file: secret:teams#ops
        title: a
        text: a
    """,
    "opsgenie_configs": f"""
        send_resolved: false
        {HTTP}
        api_key_file: secret:opsgenie#key
        api_url: https://opsgenie.example.com/
        message: a
        description: a
        source: a
        details: {{a: b}}
        entity: a
        responders: [{{id: a, type: Team}}, {{name: b, type: '{{{{ .a }}}}'}}, {{username: c, type: user}}]
        actions: a
        tags: a
        note: a
        priority: P1
        update_alerts: true
    """,
    "pushover_configs": f"""
        send_resolved: false
        {HTTP}
        user_key_file: secret:pushover#user
        token_file: secret:pushover#token
        title: a
        message: a
        url: a
        url_title: a
        device: a
        sound: a
        priority: a
        retry: 2m
        expire: 1h30m
        ttl: 1h
        html: true
        monospace: false
    """,
    "rocketchat_configs": f"""
        send_resolved: true
        {HTTP}
        api_url: https://chat.example.com/
        token_id_file: secret:rocketchat#id
        token_file: secret:rocketchat#token
        channel: a
        color: a
        title: a
        title_link: a
        text: a
        fields: [{{title: a, value: b, short: false}}]
        short_fields: true
        emoji: a
        icon_url: a
        image_url: a
        thumb_url: a
        link_names: true
        actions: [{{type: button, text: a, url: b, msg: c, msginchatwindow: true}}]
    """,
    "telegram_configs": f"""
        send_resolved: false
        {HTTP}
        api_url: https://telegram.example.com
        bot_token_file: secret:telegram#token
        chat_id: -100123
        message_thread_id: 7
        message: a
        disable_notifications: true
        parse_mode: MarkdownV2
        timeout: 10s
    """,
    "victorops_configs": f"""
        send_resolved: false
        {HTTP}
        api_key_file: secret:victorops#key
        api_url: https://victorops.example.com/
        routing_key: a
        message_type: WARNING
        state_message: a
        entity_display_name: a
        monitoring_tool: a
        custom_fields: {{a: b}}
    """,
    "webex_configs": """
        send_resolved: false
        http_config: {authorization: {credentials_file: 'secret:webex#token'}}
        api_url: https://webex.example.com
        message: a
        room_id: 2
    """,
    "wechat_configs": f"""
        send_resolved: true
        {HTTP}
        api_url: https://wechat.example.com/
        api_secret_file: secret:wechat#secret
        corp_id: a
        message: a
        message_type: markdown
        to_user: a
        to_party: a
        to_tag: a
        agent_id: a
    """,
}

# Keys that stand in place of others: the block with the others left out.
EITHER = {
    "slack_configs": ["api_url_file: secret:slack#a", "app_token: xoxb", "app_token_file: secret:slack#token"],
    "pagerduty_configs": ["routing_key: a", "service_key: a"],
    "email_configs": ["to: a@b.example\nfrom: a@b.example\nauth_password: a\nauth_secret: b"],
    "sns_configs": ["target_arn: a", "phone_number: '+491701234567'"],
    "webhook_configs": ["url_file: secret:webhook#url"],
    "discord_configs": ["webhook_url: https://discord.example.com/a"],
    "incidentio_configs": ["url_file: secret:incidentio#url", "url: http://a\nalert_source_token: a"],
    "mattermost_configs": ["webhook_url: https://mattermost.example.com/a"],
    "msteams_configs": ["webhook_url: https://teams.example.com/a"],
    "msteamsv2_configs": ["webhook_url: https://teams.example.com/a"],
    "opsgenie_configs": ["api_key: a"],
    "pushover_configs": ["user_key: a\ntoken: b"],
    "rocketchat_configs": ["token_id: a\ntoken: b"],
    "telegram_configs": ["bot_token: a\nchat_id_file: secret:telegram#chat"],
    "victorops_configs": ["routing_key: a\napi_key: b"],
    "wechat_configs": ["corp_id: a\napi_secret: b"],
}
