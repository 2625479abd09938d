# The rules of scripts/lint.sh that are about text. Reads Swift files; prints `file:line: problem, use X instead`.
# Variable `allow`: path of the allow-list, lines of RULE PATTERN REASON; `*` in a pattern is any text.

function report(rule, path, line, text,    i) {
    for (i = 1; i <= allowCount; i++)
        if (allowRule[i] == rule && path ~ allowPath[i]) { allowUsed[i] = 1; return }
    print path ":" line ": " text
    failed = 1
}

function readAllowList(    line, fields, pattern) {
    while ((getline line < allow) > 0) {
        allowLines++
        if (line ~ /^[ \t]*(#|$)/) continue
        if (split(line, fields, " ") < 4) {
            print allow ":" allowLines ": no reason, use RULE PATTERN REASON (a few words) instead"
            failed = 1
            continue
        }
        pattern = fields[2]
        gsub(/[.+]/, "\\\\&", pattern)
        gsub(/\*/, ".*", pattern)
        allowCount++
        allowRule[allowCount] = fields[1]
        allowPath[allowCount] = "^" pattern "$"
        allowLine[allowCount] = allowLines
    }
}

function endFile() {
    if (path != "" && lineCount > 500)
        report("file-length", path, 501, "file of " lineCount " lines, use files of at most 500 instead")
}

function beginFile() {
    endFile()
    path = FILENAME
    below = path ~ /^Sources\// && path !~ /^Sources\/pinsage/
    split("", functionStart)
    if (path ~ /(^|\/)(Utils|Utilities|Common|Core|Helpers?|Managers?)(\.swift|\/)/ || path ~ /(Utils|Helpers?|Manager)\.swift$/)
        report("name", path, 1, "a name that says nothing, use what the file is for instead")
}

# A function begins at a line with `func` or `init` and ends at the brace under its first letter.
function measureFunctions(    indentation, length_) {
    match($0, /^ */)
    indentation = RLENGTH
    if ($0 ~ /^ *([a-z@]+(\([a-z]+\))? )*(func |init[?(<]|deinit )/) {
        if ($0 !~ /\}$/) functionStart[indentation] = FNR
    } else if (substr($0, indentation + 1, 1) == "}" && functionStart[indentation]) {
        length_ = FNR - functionStart[indentation] + 1
        if (length_ > 70)
            report("function-length", path, functionStart[indentation], \
                "function of " length_ " lines, use functions of at most 70 instead")
        delete functionStart[indentation]
    } else if (substr($0, indentation + 1) ~ /^[a-z@]/ && $0 !~ /^ *where /) {
        delete functionStart[indentation]
    }
}

BEGIN { readAllowList() }

FNR == 1 { beginFile() }

{
    lineCount = FNR
    measureFunctions()
}

/(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)/ {
    report("unfinished", path, FNR, "a note of unfinished work, use an issue instead")
}

{
    code = $0
    sub(/(^|[ \t])\/\/.*/, "", code)
}

code ~ /try!/ { report("force", path, FNR, "`try!`, use `try` and a typed error instead") }
code ~ / as!/ { report("force", path, FNR, "`as!`, use `as?` and a precondition with text instead") }
code ~ /fatalError\(\)/ { report("silent", path, FNR, "`fatalError()` without text, use a text with the values instead") }

below && code ~ /SystemRandomNumberGenerator/ {
    report("randomness", path, FNR, "`SystemRandomNumberGenerator`, use `CounterBasedGenerator` instead")
}
code ~ /\.(random\(in:|shuffled\(|shuffle\(|randomElement\()/ && code !~ /using:/ {
    report("randomness", path, FNR, "a draw from the system's generator, use `using:` with a seeded one instead")
}
below && code ~ /(^|[^A-Za-z])Date\(\)/ { report("clock", path, FNR, "`Date()`, use a clock that is passed in instead") }
path ~ /^Sources\// && code ~ /NSCondition|timeIntervalSinceNow/ {
    report("clock", path, FNR, "a wait that a jump of the time of day changes, use `SteadyCondition` instead")
}

path ~ /^Sources\// && code ~ /Unsafe/ {
    report("unsafe", path, FNR, "an unsafe pointer, use Span, an array or a type of a lower floor instead")
}

END {
    endFile()
    for (i = 1; i <= allowCount; i++)
        if (!allowUsed[i] && complete) {
            print allow ":" allowLine[i] ": allows nothing, use one line less instead"
            failed = 1
        }
    exit failed
}
