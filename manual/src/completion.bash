# Completion of PROGRAM for bash. PROGRAM --write-manual has made it of the declared options.
_FUNCTION() {
    local word cur value option='' verb='' places=0 ended='' files=yes i cut='' reply last=''
    local -a words=() offered=() found=()
    COMPREPLY=()
    # Bash takes a word apart at : and =, and wants what follows the last of them.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)) && [[ $word != [:=]* ]]; then
            word=$2
        fi
        if ((${#words[@]})) && [[ $word == [:=]* || ${words[-1]} == *[:=] ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    cur=${words[-1]}
    unset 'words[-1]'
    # Which verb it is, which option waits for its value, and how many places were named.
    for word in "${words[@]}"; do
        if [[ $option ]]; then
            option=''
            continue
        fi
        # Behind -- no word is an option.
        if [[ ! $ended && $word == -- ]]; then
            ended=yes
            continue
        fi
        [[ $ended ]] && word=./$word
        case "$verb $word" in
        # TAKING
        *' -'*) ;;
        *) PLACE_NAMED ;;
        esac
    done
    value=$cur
    if [[ ! $option && ! $ended && $cur == --*=* ]]; then
        option=${cur%%=*}
        value=${cur#*=}
    fi
    if [[ $option ]]; then
        case "$verb $option" in
        # VALUES
        *) ;;
        esac
    elif [[ ! $ended && $cur == -* ]]; then
        case $verb in
        # OPTIONS
        *) ;;
        esac
    else
        case "$verb $places" in
        # PLACES
        *) ;;
        esac
    fi
    # Of files bash knows more, but not of a name that it has taken apart.
    if [[ $files != no && $cur == *[:=]* ]]; then
        files=beside
    fi
    [[ $files == alone ]] && return
    [[ $files == no ]] && compopt +o bashdefault +o default 2>/dev/null
    # What bash took for words before this one is not asked for.
    [[ $cur == *"$2" ]] && cut=${cur%"$2"}
    # Within quotes a blank is one.
    [[ ${COMP_WORDS[COMP_CWORD]} == [\"\']* ]] && offered=("${offered[@]//\\ / }")
    for word in "${offered[@]}"; do
        [[ $word == "$value"* ]] || continue
        # Of class:dog, class: comes first.
        reply=${word#"$value"}
        if [[ $reply == *:* ]]; then
            reply=${reply%%:*}:
        fi
        reply=${cur}${reply}
        reply=${reply#"$cut"}
        if [[ $reply != "$last" ]]; then
            COMPREPLY+=("$reply")
            last=$reply
        fi
    done
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]]; then
        compopt -o nospace 2>/dev/null
    fi
    if [[ $files == beside ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t found < <(compgen -f -- "$value")
        cut=${value%"$2"}
        COMPREPLY+=("${found[@]#"$cut"}")
    fi
}

complete -F _FUNCTION -o bashdefault -o default PROGRAM
