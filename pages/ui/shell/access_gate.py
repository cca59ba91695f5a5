"""Shows pages to nobody on a network without a guard, and asks for the password where one is set."""

from __future__ import annotations

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.system.access import Access, PasswordCheck, access_to
from pages.ui.components.messages import shown_errors

_LET_IN = "let_in"


def require_access() -> None:
    """Stops the page unless the visitor may see it."""
    with shown_errors("This server is not open to others yet"):
        access = access_to(st.get_option("server.address"))
    if access.password is None or st.session_state.get(_LET_IN):
        return
    _ask(access)
    st.stop()


def _ask(access: Access) -> None:
    st.title("Mammo Privacy Explorer")
    with st.form("door", width=420):
        given = st.text_input("Password", type="password", autocomplete="current-password")
        asked = st.form_submit_button("Enter", type="primary")
    if not asked:
        return
    try:
        if _check(access.password or "").accepts(given):
            st.session_state[_LET_IN] = True
            st.rerun()
    except MammoError as error:
        st.error(str(error), icon=":material/lock_clock:")
        return
    st.error("That is not the password.", icon=":material/lock:")


@st.cache_resource(show_spinner=False)
def _check(password: str) -> PasswordCheck:
    """Makes one check for all visitors, so that wrong passwords count together."""
    return PasswordCheck(password)
