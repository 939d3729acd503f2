// Where the packages of Orleans cannot be restored there is no silo to run: this says so.
Console.Error.WriteLine("This program was built without the packages of Orleans (see eng/orleans): there is no silo in it.");
return 3;
