"""What Flask and Quart have in common, and what is awaited in Quart.

Source: Quart 0.22, its guide "Migration from Flask", and its code. Names that stand in no table here have another meaning, other
parameters or no counterpart: an application with one stays.
"""

from __future__ import annotations

from asyncify.rules.objects import Kind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


APPLICATION = "flask.Flask"
BLUEPRINT = "flask.Blueprint"
CLIENT = "flask.testing.FlaskClient"
ANSWER = "flask.testing.TestResponse"
RESPONSE = "flask.Response"
CONTEXT = "flask.ctx.AppContext"
REQUEST_CONTEXT = "flask.ctx.RequestContext"
TRANSACTION = "flask.testing.SessionTransaction"

# Modules, and functions and objects of the same name and meaning.
MODULES = _words("flask flask.views flask.testing flask.typing")
SAME = {
    f"flask.{name}"
    for name in (
        "request g session current_app jsonify abort redirect url_for get_flashed_messages has_request_context "
        "has_app_context Blueprint Response views.View views.MethodView typing.ResponseReturnValue"
    ).split()
}
RENAMED = {APPLICATION: "Quart", CLIENT: "QuartClient"}
AWAITED = {f"flask.{name}" for name in ("render_template", "render_template_string", "make_response", "flash")}

REQUEST = "flask.request"
REQUEST_SAME = _words(
    "args headers method cookies path full_path url base_url host host_url url_root root_path query_string scheme is_secure "
    "endpoint view_args blueprint url_rule remote_addr access_route is_json mimetype mimetype_params content_type "
    "content_length content_encoding user_agent authorization accept_mimetypes accept_languages accept_charsets "
    "accept_encodings referrer origin date if_modified_since if_none_match if_match range pragma max_forwards"
)
# What differs where Quart's test client is who asks.
OF_CLIENTS = frozenset(f"flask.request.{name}" for name in ("remote_addr", "access_route", "user_agent"))
LOOKING_UP = _words("get getlist get_all add set setdefault update extend pop remove")
REQUEST_ATTRIBUTES = _words("form json values data")
REQUEST_METHODS = _words("get_json get_data")
# What of objects that stand for the current application may be read.
CURRENT = "flask.current_app"
CURRENT_SAME = _words("config logger name import_name debug testing secret_key root_path")
# Of these, everything: they hold what the program puts there.
OPEN = _words("flask.g flask.session")

_REGISTERING = "route get post put patch delete add_url_rule register_blueprint errorhandler register_error_handler "
_REGISTERING += "before_request after_request teardown_request context_processor"
_OF_RESPONSES = (
    "status_code status headers set_cookie delete_cookie mimetype mimetype_params content_type content_length content_encoding "
    "content_language cache_control location last_modified expires date age set_etag get_etag vary allow is_json set_data "
    "access_control_allow_origin access_control_allow_headers access_control_allow_methods access_control_max_age"
)
READ_METHODS = _words("get_data get_json")
READ_ATTRIBUTES = {RESPONSE: _words("data json"), ANSWER: _words("data json text")}
VERBS = _words("get post put patch delete head options")
PARAMETERS = {
    APPLICATION: _words(
        "import_name static_url_path static_folder static_host host_matching subdomain_matching template_folder instance_path "
        "instance_relative_config root_path"
    ),
    RESPONSE: _words("response status headers mimetype content_type"),
}

KINDS = {
    kind.type: kind
    for kind in (
        Kind(
            APPLICATION, "quart.Quart", _words("run test_client app_context test_request_context"),
            _words(
                f"{_REGISTERING} teardown_appcontext config logger name import_name debug testing secret_key root_path json "
                "template_filter template_global"
            ),
        ),
        Kind(
            BLUEPRINT, "quart.Blueprint", frozenset(),
            _words(
                f"{_REGISTERING} app_errorhandler before_app_request after_app_request teardown_app_request app_context_processor "
                "name url_prefix import_name app_template_filter"
            ),
        ),
        Kind(CLIENT, "quart.testing.QuartClient", VERBS | {"session_transaction"}, entered=True),
        Kind(ANSWER, "quart.Response", READ_METHODS, _words(_OF_RESPONSES)),
        Kind(RESPONSE, "quart.Response", READ_METHODS, _words(_OF_RESPONSES)),
        Kind(CONTEXT, "", frozenset(), entered=True),
        Kind(REQUEST_CONTEXT, "", frozenset(), entered=True),
        Kind(TRANSACTION, "", frozenset(), entered=True),
    )
}  # fmt: skip

# What registers a function of which Flask awaits nothing, beside those of the rule `handlers`.
DECORATING = frozenset(
    ["flask.Flask.teardown_appcontext", "flask.Flask.context_processor"]
    + [f"flask.Blueprint.{name}" for name in ("context_processor", "app_context_processor")]
)
TAKING = frozenset(f"{cls}.register_error_handler" for cls in (APPLICATION, BLUEPRINT))
# Where objects of the application may be given to.
RECEIVERS = frozenset(
    [
        f"{cls}.{name}"
        for cls in (APPLICATION, BLUEPRINT)
        for name in ("register_blueprint", "add_url_rule", "errorhandler")
    ]
    + ["flask.make_response", "flask.abort", "flask.redirect"]
)

# Of `run()`: parameters that both have, and those that only Flask's server has and that change nothing a client sees.
RUN_SAME = _words("host port debug use_reloader")
RUN_DROPPED = _words("threaded load_dotenv use_debugger")
