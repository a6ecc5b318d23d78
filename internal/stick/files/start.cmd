@echo off
rem Runs the tpmdps on this stick that is for this machine:
rem
rem   .\start.cmd                 test this box and add it to the batch on the stick
rem   .\start.cmd --operator ANN  the same, with flags of tpmdps bench
rem   .\start.cmd read-ek         any other command of tpmdps
rem
rem Nothing is expanded twice, and each path is in quotes, so that the name of a
rem folder may have any sign in it.
setlocal EnableExtensions DisableDelayedExpansion
set "STICK=%~dp0"
set "MACHINE=%PROCESSOR_ARCHITECTURE%"
rem What a 32-bit prompt says of the machine below it.
if defined PROCESSOR_ARCHITEW6432 set "MACHINE=%PROCESSOR_ARCHITEW6432%"
set "SYSTEM="
if /i "%MACHINE%"=="AMD64" set "SYSTEM=windows-amd64"
if /i "%MACHINE%"=="ARM64" set "SYSTEM=windows-arm64"
if not defined SYSTEM goto unknown
set "PROGRAM=%STICK%bin\tpmdps-%SYSTEM%.exe"
if not exist "%PROGRAM%" goto missing
set "TPMDPS_STICK=%STICK%"
set "FIRST=%~1"
if not defined FIRST goto box
if "%FIRST%"=="-h" goto command
if "%FIRST%"=="--help" goto command
if "%FIRST%"=="--version" goto command
if "%FIRST:~0,1%"=="-" goto flags
:command
"%PROGRAM%" %*
exit /b %ERRORLEVEL%

:flags
"%PROGRAM%" bench --append "%STICK%batch.jsonl" %*
exit /b %ERRORLEVEL%

:box
"%PROGRAM%" bench --append "%STICK%batch.jsonl"
set "RESULT=%ERRORLEVEL%"
rem It was most likely started with the mouse: the window would close.
pause
exit /b %RESULT%

:unknown
echo start.cmd: there is no program for a processor of the kind "%MACHINE%" 1>&2
exit /b 1

:missing
echo start.cmd: "%PROGRAM%" is missing: make the stick again with the release for this system (tpmdps stick init) 1>&2
exit /b 1
