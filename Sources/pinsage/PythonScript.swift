import Foundation

/// A script of the `scripts` folder, for work that a Python library does best. It takes this process's place.
struct PythonScript {
    let path: String
    let python: String

    /// Looks in `PINSAGE_SCRIPTS`, else in `scripts` beside the executable or beside a folder above it. Python is
    /// `PINSAGE_PYTHON`, else that of `.venv-spark` beside the scripts, else `python3`.
    ///
    /// - Parameter name: as `spark/embed.py`.
    /// - Throws: `PythonScriptError`.
    init(_ name: String, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        let folders = environment["PINSAGE_SCRIPTS"].map { [$0] } ?? Self.foldersAbove(ownExecutable)
        guard let scripts = folders.first(where: { FileManager.default.fileExists(atPath: "\($0)/\(name)") }) else {
            throw PythonScriptError.noScript(name: name, folder: folders.first ?? "scripts")
        }
        path = "\(scripts)/\(name)"
        let installed = "\(scripts)/../.venv-spark/bin/python"
        python =
            environment["PINSAGE_PYTHON"]
            ?? (FileManager.default.isExecutableFile(atPath: installed) ? installed : "python3")
    }

    /// Becomes the script: output, signals and exit code are its own. Returns only by an error.
    func run(_ arguments: [String]) throws -> Never {
        var words = unsafe ([python, path] + arguments).map { unsafe strdup($0) }
        unsafe words.append(nil)
        unsafe execvp(python, &words)
        throw PythonScriptError.noPython(path: python, reason: unsafe String(cString: strerror(errno)))
    }

    private static func foldersAbove(_ path: String) -> [String] {
        var folder = URL(fileURLWithPath: path)
        var folders: [String] = []
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            folders.append(folder.appending(path: "scripts").path)
        }
        return folders
    }
}

enum PythonScriptError: Error, CustomStringConvertible {
    case noScript(name: String, folder: String)
    case noPython(path: String, reason: String)

    var description: String {
        switch self {
        case .noScript(let name, let folder):
            "scripts: \(name): not found: expected it in \(folder) or above, found none. Set PINSAGE_SCRIPTS to the "
                + "scripts folder of the sources."
        case .noPython(let path, let reason):
            "scripts: \(path): cannot be started: expected Python 3, found: \(reason). Set PINSAGE_PYTHON."
        }
    }
}
