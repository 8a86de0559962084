# SPDX-License-Identifier: Apache-2.0
#
# Completion of ovs-xfrmctl's command lines for bash.  Commands and options come
# from the program itself, names of columns and what is in the database from
# the database; with no database there is less to offer, and no error.

# _ovs_xfrmctl_run ARG...: ovs-xfrmctl with the --db of the command line, for
# two seconds at most.
_ovs_xfrmctl_run () {
    local word db=
    for word in "${COMP_WORDS[@]}"; do
        case $word in
            --db=*) db=$word ;;
        esac
    done
    ovs-xfrmctl --no-syslog -voff --timeout=2 ${db:+"$db"} "$@" 2>/dev/null
}

_ovs_xfrmctl_commands () {
    ovs-xfrmctl --commands 2>/dev/null | cut -d, -f2
}

# _ovs_xfrmctl_options COMMAND: its options, and those before any command.
_ovs_xfrmctl_options () {
    ovs-xfrmctl --options 2>/dev/null | sed 's/=ARG$/=/; s/ ARG$//'
    ovs-xfrmctl --commands 2>/dev/null |
        awk -F, -v command="$1" '$2 == command { print $1 }' |
        tr -d '[]' | tr ' ' '\n'
}

_ovs_xfrmctl_if_ids () {
    { _ovs_xfrmctl_run --bare --columns=if_id list SA
      _ovs_xfrmctl_run --bare --columns=if_id list Policy; } |
        grep . | sort -nu
}

_ovs_xfrmctl_spis () {
    _ovs_xfrmctl_run --format=csv --no-headings sa-list "$1" | cut -d, -f6
}

_ovs_xfrmctl_rows () {
    _ovs_xfrmctl_run --bare --columns=_uuid list "$1" | grep .
}

# _ovs_xfrmctl_columns TABLE
_ovs_xfrmctl_columns () {
    _ovs_xfrmctl_run --format=csv list "$1" | head -1 | tr ',' '\n'
}

_ovs_xfrmctl_algorithms () {
    _ovs_xfrmctl_run --bare get XFRM_Global . algorithms | tr -d '[]",' |
        tr ' ' '\n'
}

# _ovs_xfrmctl_argument COMMAND INDEX [ARG...]: what argument INDEX (from 1) of
# COMMAND may be; the ARGs stand before it.
_ovs_xfrmctl_argument () {
    local command=$1 index=$2
    shift 2

    case $command/$index in
        list/1 | find/1 | get/1 | set/1 | add/1 | remove/1 | clear/1 | \
        create/1 | destroy/1 | wait-until/1)
            echo XFRM_Global SA Policy Template Notification ;;
        list/* | destroy/*) _ovs_xfrmctl_rows "$1" ;;
        get/2 | set/2 | add/2 | remove/2 | clear/2 | wait-until/2)
            _ovs_xfrmctl_rows "$1" ;;
        get/* | clear/* | add/3 | remove/3) _ovs_xfrmctl_columns "$1" ;;
        set/* | wait-until/* | create/* | find/*)
            _ovs_xfrmctl_columns "$1" | sed 's/$/=/' ;;
        sa-*/1 | policy-*/1 | rekey/1 | show/1 | monitor/1)
            _ovs_xfrmctl_if_ids ;;
        sa-add/2) echo in out ;;
        sa-add/5) echo auto ;;
        sa-add/6) _ovs_xfrmctl_algorithms ;;
        sa-add/[7-9] | sa-add/??)
            echo proto= mode= reqid= replay_window= esn= encap= lifetime: \
                 selector: mark= output_mark= flags= offload= offload_dev= \
                 enabled= external_ids: key_file= ;;
        sa-del/2) _ovs_xfrmctl_spis "$1" ;;
        policy-add/2 | policy-del/2) echo in out fwd both ;;
        policy-add/* | policy-del/*)
            case " $* " in
                *" protect "*)
                    case ${!#} in
                        protect) echo esp ah ipcomp ;;
                        esp | ah | ipcomp) echo tunnel transport beet ;;
                        *) echo protect reqid= spi= optional= ;;
                    esac ;;
                *)
                    echo src= dst= proto= sport= dport= icmp-type= icmp-code=
                    test $command = policy-del || \
                        echo priority= mark= enabled= external_ids: \
                             protect discard ;;
            esac ;;
        export/1) compgen -f -- "$cur" ;;
    esac
}

_ovs_xfrmctl () {
    local cur=${COMP_WORDS[COMP_CWORD]} command= i
    local -a args=()

    # The shell splits words at "=": "--db=x" is three of them.
    COMPREPLY=()
    for (( i = 1; i < COMP_CWORD; i++ )); do
        case ${COMP_WORDS[i]} in
            --) command= args=() ;;
            =) (( i++ )) ;;
            -*) ;;
            *) if test -z "$command"; then
                   command=${COMP_WORDS[i]}
               else
                   args+=("${COMP_WORDS[i]}")
               fi ;;
        esac
    done

    case $cur in
        -*)
            COMPREPLY=($(compgen -W "$(_ovs_xfrmctl_options "$command")" \
                                 -- "$cur")) ;;
        *)
            if test -z "$command"; then
                COMPREPLY=($(compgen -W "$(_ovs_xfrmctl_commands)" -- "$cur"))
            else
                COMPREPLY=($(compgen -W "$(_ovs_xfrmctl_argument "$command" \
                    $(( ${#args[@]} + 1 )) "${args[@]}")" -- "$cur"))
            fi ;;
    esac
    case ${COMPREPLY[0]} in
        *= | *:) compopt -o nospace 2>/dev/null ;;
    esac
    return 0
}
complete -F _ovs_xfrmctl ovs-xfrmctl
